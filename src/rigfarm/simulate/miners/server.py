"""A fake mining program on a real socket."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from rigfarm.simulate.miners.faults import Fault, misbehave
from rigfarm.simulate.miners.model import Model, Snapshot
from rigfarm.simulate.miners.program import FakeProgram, programs

__all__ = ["FakeMiner"]


class FakeMiner:
    """`async with FakeMiner("xmrig") as fake:` listens on `fake.port` until the block ends.

    `model` and `fault` may be changed while it runs; `started_ago_s` makes it look as if it ran for that long.
    """

    def __init__(
        self,
        name: str,
        model: Model | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        fault: Fault | None = None,
        started_ago_s: float = 3600.0,
    ) -> None:
        self.program: FakeProgram = programs()[name]
        self.model = model or self.program.example
        self.host = host
        self.port = port
        self.fault = fault
        self.requests: list[str] = []
        """What was asked: paths, or lines; the last hundred."""
        self._start = time.monotonic() - started_ago_s
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FakeMiner:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def now(self) -> Snapshot:
        """The rig at this moment."""
        return self.model.at(time.monotonic() - self._start)

    def restart(self) -> None:
        """The program as it is right after a start: no uptime, no shares, nothing measured if the model warms up."""
        self._start = time.monotonic()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader)
            if self.fault:
                await misbehave(self.fault, answer, reader, writer)
            else:
                writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away, or sent no question: not the program's trouble
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        if self.program.protocol == "tcp":
            line = await reader.readline()
            request = line.decode("utf-8", "replace").strip("\0 \r\n")
            self._remember(request)
            return self.program.answer(request, self.now()) or b""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode("utf-8", "replace")
        self._remember(path)
        return _http(self.program.answer(path, self.now()))

    def _remember(self, request: str) -> None:
        self.requests[:] = [*self.requests[-99:], request]


def _http(body: bytes | None) -> bytes:
    status = "200 OK" if body is not None else "404 Not Found"
    body = body or b""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return head.encode() + b"\r\n" + body
