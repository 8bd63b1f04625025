"""Where a download may lead.

The Commander stands inside a farm's network: what it fetches on somebody's word must not make it knock at doors that
only the inside can reach. So every address is looked at at the moment it is connected to, and not before.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from msgspec import Struct

__all__ = ["LAN", "BadUrlError", "ForbiddenAddressError", "Reach", "check_url"]

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


class BadUrlError(ValueError):
    """A download URL that cannot be; the text says what would be right."""


class ForbiddenAddressError(OSError):
    """A name leads to an address that must not be connected to."""


class Reach(Struct, frozen=True):
    """Which addresses may be connected to."""

    lan: tuple[Network, ...] = LAN
    """Networks that are allowed where the operator asked for the LAN."""

    def check(self, host: str, address: str, *, lan: bool, plain: bool) -> None:
        """ForbiddenAddressError unless the address is public, or in the LAN and that was asked for.

        `plain`: the connection would not be encrypted, which is for the LAN only.
        """
        found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        if any(found in network for network in self.lan):
            if not lan:
                raise ForbiddenAddressError(
                    f"{host} is {found}, an address of the LAN: tick “from the LAN” if that is meant."
                )
            return
        if not _public(found):
            raise ForbiddenAddressError(f"{host} is {found}, which nothing is fetched from.")
        if plain:
            raise ForbiddenAddressError(f"{host} is {found}, outside the LAN: there only https is allowed.")


def check_url(url: str, *, lan: bool) -> None:
    """BadUrlError unless it is an https URL, or an http one for the LAN; what the name leads to is seen later."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadUrlError("The URL's port is a number from 1 to 65535.") from None
    if parts.scheme not in ("https", "http"):
        raise BadUrlError("Expected an https URL, for example https://example.org/program-1.0.tar.gz.")
    if parts.scheme == "http" and not lan:
        raise BadUrlError("Only https: http is for addresses of the LAN, and only when you tick “from the LAN”.")
    if not host or port == 0:
        raise BadUrlError("The URL has no host.")
    if parts.username is not None or parts.password is not None:
        raise BadUrlError("A login does not belong into this URL: it would be kept readable. Upload the file instead.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadUrlError("The URL has a blank or a special character.")


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _public(address: Address) -> bool:
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
