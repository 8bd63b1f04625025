"""Which addresses the Commander may connect to at an operator's word.

It stands inside a farm's network: what it fetches or sends must not make it knock at doors that only the inside can
reach. So every address is looked at at the moment it is connected to, and not before.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = ["LAN", "Address", "Network", "in_any", "is_public", "unwrapped"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LAN: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""What "an address of the LAN" means: private networks. Loopback and link-local (cloud metadata) are never meant."""

_UNICAST6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in ("192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")
)
"""Global by Python's book on some versions, but tunnels, documentation and the like."""


def in_any(address: Address, networks: Iterable[Network]) -> bool:
    """Whether it is in one of them."""
    return any(address in network for network in networks)


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could connect to it."""
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
