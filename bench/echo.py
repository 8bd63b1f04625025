"""The ceiling of ingest: the same server and framework, the same frames decoded, nothing done with them.

It acknowledges as rarely as a Commander may, so that the ceiling is that of decoding, not of acknowledging.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import uvicorn
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from rigfarm.commander.health import calm_garbage_collector
from rigfarm.simulate.commander import free_port
from rigfarm.wire.codec import decode_log, decode_up, encode
from rigfarm.wire.frames import Acks, Hello, Logs, Verdict, Welcome

__all__ = ["Echo", "running"]

ACK_EVERY_S = 0.25


class _Acknowledge:
    """Of one link: everything since the last time as one range."""

    def __init__(self, socket: WebSocket[Any, Any, Any]) -> None:
        self._socket = socket
        self._first = self._last = 0
        self._task: asyncio.Task[None] | None = None

    def heard(self, first: int, last: int) -> None:
        self._last = last
        if self._task is None:
            self._first = first
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        await asyncio.sleep(ACK_EVERY_S)
        self._task = None
        with contextlib.suppress(OSError, RuntimeError, WebSocketDisconnect):  # the link may be gone
            await self._socket.send_data(encode(Acks([(self._first, self._last)])), mode="binary")


@websocket("/link")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    """Welcome everybody, decode every log, acknowledge."""
    await socket.accept()
    acknowledge = _Acknowledge(socket)
    try:
        while True:
            frame = decode_up(await socket.receive_data(mode="binary"))
            if isinstance(frame, Hello):
                verdicts = [Verdict("ok", 1, "echo") for _ in frame.tokens]
                await socket.send_data(encode(Welcome(time.time_ns() // 10**6, 5.0, verdicts, "")), mode="binary")
            elif isinstance(frame, Logs):
                for raw in frame.logs:
                    decode_log(raw)
                acknowledge.heard(frame.first, frame.first + len(frame.logs) - 1)
    except WebSocketDisconnect:
        pass


class Echo:
    """The running server."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid


@contextlib.contextmanager
def running() -> Iterator[Echo]:
    """The echo server in a process of its own, until the block ends."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "bench.echo", str(port)])
    try:
        for _ in range(400):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        yield Echo(f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    calm_garbage_collector()
    uvicorn.run(
        Litestar([echo], openapi_config=None, logging_config=None),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        http="httptools",
        loop="uvloop",
        log_level="error",
        ws_per_message_deflate=False,
        backlog=4096,
    )
