"""This machine's address on the LAN, found without sending anything."""

from __future__ import annotations

import ipaddress
import socket

import psutil

__all__ = ["lan_ip"]

_SOMEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737). Connecting a datagram socket only asks the kernel for the route there."""


def lan_ip(towards: tuple[str, int] = _SOMEWHERE) -> str | None:
    """The address from which this machine talks to `towards`; on a LAN without a way out, its first private one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(towards)
            address = str(probe.getsockname()[0])
        except OSError:
            return _first_private()
    return address if address != "0.0.0.0" else None  # noqa: S104 - compared, not bound


def _first_private() -> str | None:
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        for entry in addresses:
            if name in up and entry.family == socket.AF_INET and _on_a_lan(entry.address):
                return str(entry.address)
    return None


def _on_a_lan(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip.is_private and not ip.is_loopback and not ip.is_link_local
