"""A free port on loopback for a program's stats API."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Container

__all__ = ["free_port", "is_free"]

_FIRST, _LAST = 20_000, 32_000
"""Below the kernel's ephemeral ports (32,768 on), so that no outgoing connection takes one between now and then."""
_TRIES = 200


def free_port(taken: Container[int] = ()) -> int:
    """A port that nothing listens on. Raises OSError when none is found."""
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} for the program's stats API")


def is_free(port: int) -> bool:
    """Whether a program could listen on it, on loopback or on all addresses."""
    for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  only tried, never listened on
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
