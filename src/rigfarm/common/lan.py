"""Where this machine is on its LAN, found without sending anything."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["is_loopback", "lan_address"]

_SOMEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737). Connecting a datagram socket only asks the kernel for the route there."""


def lan_address(towards: tuple[str, int] = _SOMEWHERE) -> str | None:
    """The address from which this machine talks to `towards`; None without a way there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(towards)
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return address if address != "0.0.0.0" else None  # noqa: S104 - compared, not bound


def is_loopback(host: str) -> bool:
    """Whether what listens at this host or address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
