"""A wire between a Sentry, or a browser, and its Commander that a test can cut, hold, or put a proxy on."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Literal

__all__ = ["Relay", "answer"]

Mode = Literal["forward", "hold", "refuse", "answer"]


def answer(status: str, body: str = "<html><title>nginx</title></html>", **headers: str) -> bytes:
    """What a proxy, or another web server, says itself."""
    fields = {"Content-Type": "text/html", "Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n{body}".encode()


class Relay:
    """`async with Relay(port) as relay:` listens at `relay.url`.

    `forward`: passes bytes on. `hold`: nothing passes, on old connections and new ones, and nobody is told, as when a
    cable is pulled. `refuse`: connections are closed at once. `answer`: says `relay.text` itself.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.mode: Mode = "forward"
        self.text = b""
        self.accepted = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def become(self, mode: Mode, text: bytes = b"") -> None:
        """What happens on the wire from now on."""
        self.mode, self.text = mode, text
        if mode == "hold":
            self._passing.clear()
        else:
            self._passing.set()
        if mode in ("refuse", "answer"):
            self.cut()

    def cut(self) -> None:
        """Break every connection that there is."""
        for writer in list(self._writers):
            writer.transport.abort()

    def forget(self) -> None:
        """Held connections never pass a byte again, also when new ones do: half-open for both ends."""
        self._passing = asyncio.Event()
        if self.mode != "hold":
            self._passing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._through(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = self._passing
        if self.mode == "refuse":
            return
        if self.mode == "answer":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.text)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        await passing.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.add(back)
        ways = [asyncio.create_task(_pump(reader, back, passing)), asyncio.create_task(_pump(there, writer, passing))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            await passing.wait()  # an end that hangs up does so on its side of the cut only
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(back)
            back.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(64 << 10):
            await passing.wait()
            writer.write(data)
            await writer.drain()
