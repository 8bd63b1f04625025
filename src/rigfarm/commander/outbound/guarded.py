"""Connections for downloads: resolve the name, look at every address it leads to, connect to one of exactly those."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from rigfarm.commander.outbound.reach import ForbiddenAddressError, Reach

__all__ = ["GuardedBackend"]

RESOLVE_S = 10.0
READ_AT_ONCE = 4_096
"""Bytes that are parsed in one turn of the event loop. A body in chunks of one byte, or an answer that is announced
again and again, is a thousand times the work of its bytes."""
HEAD = 128 << 10
"""Bytes of an answer besides its body."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """A network that leads only where it may; the name is never resolved a second time after the look."""

    def __init__(self, reach: Reach, *, lan: bool, plain: bool, most: int) -> None:
        """`most`: bytes of a body that are wanted; as many again may be how it is sent."""
        self._reach = reach
        self._most = HEAD + 2 * most
        self._lan = lan
        self._plain = plain
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection, or ForbiddenAddressError before any packet was sent."""
        addresses = await _resolve(host, port)
        for address in addresses:
            self._reach.check(host, address, lan=self._lan, plain=self._plain)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                found = await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
                return _Bounded(found, self._most)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a download comes over the network."""
        raise ForbiddenAddressError(path)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _Bounded(httpcore.AsyncNetworkStream):
    """A connection from which little is read at a time, and no more than is wanted."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, most: int) -> None:
        self._stream = stream
        self._left = most

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What came; httpcore.ReadError for too much."""
        if self._left <= 0:
            raise httpcore.ReadError("the answer is too long")
        data = await self._stream.read(min(max_bytes, READ_AT_ONCE), timeout)
        self._left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Hang up."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same, encrypted."""
        return _Bounded(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        """What is known of it."""
        return self._stream.get_extra_info(info)


async def _resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, in the resolver's order and each once. Odd spellings of IP addresses come out in full."""
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} is not known: {error}") from None
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"the name {host} could not be looked up in {RESOLVE_S:g} s") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
