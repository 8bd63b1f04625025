"""Connections for downloads: resolve the name, look at every address it leads to, connect to one of exactly those."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

import httpcore

from rigfarm.commander.mining_software.reach import ForbiddenAddressError, Reach

__all__ = ["GuardedBackend"]

RESOLVE_S = 10.0


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """A network that leads only where it may; the name is never resolved a second time after the look."""

    def __init__(self, reach: Reach, *, lan: bool, plain: bool) -> None:
        self._reach = reach
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
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
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
