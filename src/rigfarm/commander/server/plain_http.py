"""The answer to plain http on a port that speaks TLS: where to go, instead of an empty page."""

from __future__ import annotations

import asyncio
import re
import socket

__all__ = ["show_the_way", "speaks_tls"]

MAX_HEAD = 8 << 10
MAX_REST = 64 << 10
"""Of a body, read and thrown away: to hang up on what is still sent would throw away the answer."""
_TLS_HANDSHAKE = b"\x16"
_REQUEST = re.compile(rb"(?:GET|HEAD) (/[\x21-\x7e]{0,2000}) HTTP/1\.[01]\r\n")
_HOST = re.compile(rb"\r\nhost:[ \t]*((?:[a-z0-9._\-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)[ \t]*\r\n", re.IGNORECASE)


async def speaks_tls(accepted: socket.socket) -> bool:
    """Whether the first byte, which stays there, is one of a TLS handshake. Waits for it; OSError."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted.fileno())
    return accepted.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE


async def show_the_way(accepted: socket.socket) -> None:
    """Answer one request of plain http. OSError."""
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head and len(head) <= MAX_HEAD:
        piece = await loop.sock_recv(accepted, MAX_HEAD)
        if not piece:
            return
        head += piece
    await loop.sock_sendall(accepted, _answer(head[:MAX_HEAD]))
    accepted.shutdown(socket.SHUT_WR)
    rest = 0
    while rest < MAX_REST and (piece := await loop.sock_recv(accepted, MAX_HEAD)):
        rest += len(piece)


def _answer(head: bytes) -> bytes:
    request, host = _REQUEST.match(head), _HOST.search(head)
    if request is not None and host is not None:
        where = b"https://" + host[1] + request[1]
        status, more = b"307 Temporary Redirect", b"Location: " + where + b"\r\n"
    else:
        status, more, where = b"400 Bad Request", b"", b"https://"
    body = b"This Commander speaks https, not http: " + where + b"\n"
    fields = b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + more + fields + length + body
