"""A cable between a Sentry and its Commander, which can be slow, and can be pulled."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType

__all__ = ["Relay"]

_STEP = 8 << 10


class Relay:
    """`with Relay(port) as relay:` forwards TCP connections at `relay.url` to the loopback `port`."""

    def __init__(self, port: int, *, bytes_per_s: float | None = None) -> None:
        self.bytes_per_s = bytes_per_s
        """Of each connection, from the Commander to the Sentry; None: as fast as it goes."""
        self.pulled = False
        self._target = port
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        """Of the Commander, as the Sentry knows it."""
        return f"http://127.0.0.1:{self._port}"

    def pull(self) -> None:
        """Every connection breaks, and no new one comes about."""
        self.pulled = True
        self._loop.call_soon_threadsafe(self._break)

    def plug_in(self) -> None:
        """As before."""
        self.pulled = False

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.pulled:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._forward(reader, back, slow=False), self._forward(there, writer, slow=True))
        finally:
            self._writers -= {writer, back}
            for one in (writer, back):
                one.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_STEP):
                writer.write(data)
                await writer.drain()
                if slow and self.bytes_per_s:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
            writer.write_eof()
