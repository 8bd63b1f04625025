from __future__ import annotations

import asyncio
import gzip
import io
import ipaddress
import socket
import ssl
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import MiningSoftware, SoftwareForm
from rigfarm.commander.mining_software.api import api_routes
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.outbound.reach import Reach
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage
from rigfarm.commander.web.problems import problem_handlers

TLS = Path(__file__).parent / "tls"
LAN_HOST, FORBIDDEN_HOST = "127.0.1.7", "127.0.0.1"
"""Loopback stands for the LAN here, except 127.0.0.1, which stands for itself."""

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Origin:
    """A server that answers as it is told, and counts who knocks."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.connections = 0
        self.asked: list[str] = []
        self.port = 0
        self._servers: list[asyncio.Server] = []

    async def listen(self, host: str, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]

    def serve(self, path: str, body: bytes, *extra: str) -> None:
        self.reply(path, 200, body, *extra)

    def reply(self, path: str, status: int, body: bytes = b"", *extra: str) -> None:
        async def answer(_: str, writer: asyncio.StreamWriter) -> None:
            head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *extra, "Connection: close"]
            writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            await writer.drain()

        self.answers[path] = answer

    def redirect(self, path: str, location: str) -> None:
        self.reply(path, 302, b"", f"Location: {location}")

    async def close(self) -> None:
        for server in self._servers:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            if path in self.answers:
                await self.answers[path](head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """On the stand-in for the LAN, plain http."""
    origin = Origin()
    await origin.listen(LAN_HOST)
    yield origin
    await origin.close()


@pytest.fixture
def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context


@pytest.fixture
def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "certificate.pem"))


@pytest.fixture
def reach() -> Reach:
    return Reach(lan=(ipaddress.ip_network("127.0.1.0/24"),))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names this test invents, and what they lead to; a list that is popped is a name that changes its mind."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(host, str) and host in known:
            if known[host] == ["no such name"]:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [found for address in known[host] for found in real(address, port, *args, **kwargs)]
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


@pytest.fixture
async def book(
    storage: Storage, hub: Hub, events: Events, usage: Usage, tmp_path: Path, reach: Reach, client_tls: ssl.SSLContext
) -> AsyncIterator[MiningSoftware]:
    book = MiningSoftware(
        storage, hub, events, usage, ArchiveStore(tmp_path / "archives"), reach=reach, tls=client_tls, limit=8 << 20
    )
    await book.load()
    yield book
    await book.close()


@pytest.fixture
def form() -> SoftwareForm:
    return SoftwareForm(
        "Fakeminer",
        "1.2.3",
        executable="fakeminer",
        adapter="xmrig",
        api_arguments="--http-port=$API_PORT",
        template="-o $CPU_POOL -u $CPU_WALLET",
        devices="cpu",
    )


def tar_of(*members: tuple[str, bytes]) -> bytes:
    """A tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o755
            archive.addfile(info, io.BytesIO(body))
    return gzip.compress(buffer.getvalue(), mtime=0)


@pytest.fixture
def archive() -> bytes:
    return tar_of(("fakeminer-1.2.3/README", b"read me"), ("fakeminer-1.2.3/fakeminer", b"\x7fELF" + b"x" * 5000))


@pytest.fixture
async def client(book: MiningSoftware) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The JSON API alone; the login has its own tests."""
    app = Litestar(
        [api_routes],
        dependencies={"software": Provide(lambda: book, sync_to_thread=False)},
        exception_handlers=problem_handlers(),
        request_max_body_size=1 << 20,
    )
    async with AsyncTestClient(app) as client:
        yield client
