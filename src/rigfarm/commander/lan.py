"""Where this machine is on its LAN, for the join commands of a Commander that was not told its own address."""

from __future__ import annotations

import socket

__all__ = ["host_for_others", "lan_address"]

_ELSEWHERE = ("192.0.2.1", 9)
"""An address of nobody (RFC 5737). A datagram socket that is merely connected sends nothing."""


def lan_address() -> str:
    """The address this machine would be reached at; the loopback one when it has no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
        return address


def host_for_others(host: str) -> str:
    """How a URL names a server that listens on `host`, for other machines where they can reach it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return lan_address()
    return f"[{host}]" if ":" in host else host
