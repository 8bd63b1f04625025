"""This machine's address on the LAN, found without sending anything."""

from __future__ import annotations

import ipaddress
import socket

import psutil

from rigfarm.common.lan import lan_address

__all__ = ["lan_ip"]


def lan_ip() -> str | None:
    """The address from which this machine talks to others; on a LAN without a way out, its first private one."""
    return lan_address() or _first_private()


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
