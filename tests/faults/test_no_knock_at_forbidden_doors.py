"""Row 22: what the Commander fetches on somebody's word leads it to no address that only the inside can reach.

URLs in every spelling of a forbidden address, redirects to them, and a name server that changes its mind; an audit hook
writes down every address that any socket of this process connects to, and lets none of them leave the machine. The
control looks at the first connection only and trusts redirects.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import httpcore
import pytest
from promise import record, scaled

from rigfarm.commander.outbound.download import FetchError, open_download
from rigfarm.commander.outbound.guarded import GuardedBackend
from rigfarm.commander.outbound.reach import Reach

LOOPBACK = [
    *("127.0.0.1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0", "0.0.0.0"),
    *("localhost", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "inside.test", "127.0.0.2"),
]
ELSEWHERE = [
    *("169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:169.254.169.254]", "[fe80::1]", "[fec0::1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "10.0.0.1", "10.1", "192.168.257", "172.16.0.1"),
    *("[fd00::1]", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "metadata.test"),
]
MIRROR = "127.0.1.7"
"""Stands for a machine of the LAN, where fetching was asked for; every other address is forbidden here."""
REACH = Reach(lan=(ipaddress.ip_network("127.0.1.0/24"),))
NAMES = {"inside.test": "127.0.0.1", "metadata.test": "169.254.169.254", "mirror.test": MIRROR}


class Log:
    """Where sockets connect to while it is on."""

    def __init__(self) -> None:
        self.connected: list[str] = []
        self.on = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event != "socket.connect" or not isinstance(arguments[1], tuple):
            return
        address = str(arguments[1][0])
        self.connected.append(address)
        if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            raise PermissionError(f"a test would have left this machine: {address}")

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[str]]:
        """The addresses that are connected to inside the block."""
        self.connected, self.on = [], True
        try:
            yield self.connected
        finally:
            self.on = False


LOG = Log()
TLS = ssl.create_default_context()


@contextlib.asynccontextmanager
async def mirror(targets: list[str]) -> AsyncIterator[int]:
    """A server of the LAN that sends whoever asks for /N on to target N; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        location = targets[int(path.strip("/"))].replace("PORT", str(port))
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, MIRROR, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield port


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the test's own; `rebind.test` leads into the LAN when it is asked first, and elsewhere from then on."""
    real = socket.getaddrinfo
    asked = 0

    def lookup(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        nonlocal asked
        name = host.decode() if isinstance(host, bytes) else host
        if name == "rebind.test":
            asked += 1
            return real(MIRROR if asked % 2 else "127.0.0.1", port, *more, **named)
        return real(NAMES.get(name, name), port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


async def fetch(url: str, *, lan: bool) -> None:
    """As the Commander does; what comes of it is of no interest."""
    with contextlib.suppress(FetchError):
        opened = open_download(url, lan=lan, limit=1 << 16, reach=REACH, tls=TLS)
        async with opened as download:
            async for _ in download.chunks:
                pass


def tries(count: int, hosts: list[str], port: int) -> Iterator[tuple[str, bool, str]]:
    """(URL, whether the LAN was asked for, where a redirect leads); every host directly and by a redirect."""
    chance = random.Random(22)
    for number in range(count):
        host = hosts[number % len(hosts)]
        scheme = ("http", "https")[number // len(hosts) % 2]
        target = f"{scheme}://{host}:{chance.choice([port, 22, 80, 443, 8080])}/x"
        if number // (2 * len(hosts)) % 2:
            yield f"http://mirror.test:{port}/{number}", True, target
        else:
            yield target, bool(number % 3), ""
    for number in range(count, count + count // 10):
        yield f"http://rebind.test:{port}/{number}", True, f"http://rebind.test:{port}/{number}"


async def knocks(count: int, hosts: list[str]) -> tuple[int, list[str]]:
    """(tries, forbidden addresses that were connected to)."""
    targets: list[str] = []
    async with mirror(targets) as port:
        attempts = list(tries(count, hosts, port))
        targets += [target for _, _, target in attempts]
        with LOG.watching() as connected:
            for url, lan, _ in attempts:
                await fetch(url, lan=lan)
        assert MIRROR in connected, "the log sees connections"
    return len(attempts), [address for address in connected if address != MIRROR]


class OnlyTheFirst(GuardedBackend):
    """The control: the first connection of a download is looked at, a redirect is trusted."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if host == "mirror.test":
            return await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return await httpcore.AnyIOBackend().connect_tcp(host, port, timeout)


@pytest.mark.timeout(1800)
async def test_the_commander_knocks_at_no_forbidden_door(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, forbidden = await knocks(scaled(4, 40) * len(LOOPBACK + ELSEWHERE), LOOPBACK + ELSEWHERE)
    with monkeypatch.context() as patch:
        patch.setattr("rigfarm.commander.outbound.download.GuardedBackend", OnlyTheFirst)
        patch.setattr("rigfarm.commander.outbound.download.check_url", lambda url, *, lan: None)
        control_tried, control = await knocks(4 * len(LOOPBACK), LOOPBACK)
    assert control, "the control must be caught, else the test sees nothing"
    record(
        22,
        "nothing is fetched from an address that only the inside can reach",
        n=tried,
        bad=len(forbidden),
        control="check before the redirect only",
        control_bad=f"{len(control)} connections in {control_tried} tries",
        unit="URLs, redirects and names that change their mind",
    )
    assert forbidden == []
