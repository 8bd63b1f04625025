"""Which user of this machine is at the other end of a connection."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from pathlib import Path

__all__ = ["Address", "is_administrator", "user_of"]

Address = tuple[str, int]

_CREDENTIALS = struct.Struct("3i")
_PROC_NET = Path("/proc/net")


def is_administrator(connection: socket.socket) -> bool:
    """Whether root or our own user is at the other end of a Unix socket."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return user in (0, os.geteuid())


def user_of(peer: Address, own: Address) -> int | None:
    """The id of the user who has opened a TCP connection to us, if that is over this machine's loopback network; None:
    it is not, its socket is closed, or the kernel does not tell."""
    if not ipaddress.ip_address(peer[0]).is_loopback:
        return None
    wanted = [_in_proc(peer), _in_proc(own)]
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC_NET / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            # A socket that its process has closed is listed as root's, and without an inode.
            if fields[1:3] == wanted and fields[9] != "0":
                return int(fields[7])
    return None


def _in_proc(address: Address) -> str:
    """As /proc/net writes it: words of 32 bits, each in the machine's byte order."""
    packed = ipaddress.ip_address(address[0]).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{address[1]:04X}"
