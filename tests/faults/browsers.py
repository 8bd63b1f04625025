"""Browsers without a screen: logged in, they hold live pages open, and read as quickly as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import websockets

from rigfarm.simulate.commander import CommanderProcess

__all__ = ["LivePage", "login", "resident_bytes", "slow_page"]


def login(commander: CommanderProcess) -> str:
    """A session's Cookie header."""
    with httpx.Client(base_url=commander.url, headers={"Origin": commander.url}, timeout=60) as browser:
        answer = browser.post("/login", data={"password": commander.password})
        assert answer.status_code == 303, answer.text
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class LivePage:
    """The socket of one open page. `async with` holds it open and reads all that comes."""

    def __init__(self, commander: CommanderProcess, cookie: str, path: str) -> None:
        self.frames = 0
        self.bytes = 0
        self.arrivals: list[float] = []
        """When the frames came, monotonic s."""
        self._address = f"{commander.url.replace('http', 'ws')}/live?page={quote(path, safe='')}"
        self._headers = {"Cookie": cookie, "Origin": commander.url}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LivePage:
        self._socket = await websockets.connect(
            self._address, additional_headers=self._headers, max_size=None, compression=None, open_timeout=60
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await self._socket.close()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
            await self._reading

    async def _read(self) -> None:
        async for frame in self._socket:
            self.frames += 1
            self.arrivals.append(time.monotonic())
            self.bytes += len(frame)


@contextlib.asynccontextmanager
async def slow_page(commander: CommanderProcess, cookie: str, path: str) -> AsyncIterator[None]:
    """A browser that reads one byte a second, over a socket that takes almost nothing in advance."""
    host = urlsplit(commander.url).netloc
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", commander.port))
    await loop.sock_sendall(
        raw,
        f"GET /live?page={quote(path, safe='')} HTTP/1.1\r\nHost: {host}\r\n"
        f"Origin: {commander.url}\r\nCookie: {cookie}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode(),
    )
    assert (await loop.sock_recv(raw, 12)).endswith(b" 101")

    async def read() -> None:
        while await loop.sock_recv(raw, 1):
            await asyncio.sleep(1.0)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        raw.close()
