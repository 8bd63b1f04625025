"""A Sentry of a test's own, that says whatever it is told to say, and what became of it in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rigfarm.commander.logs.journal import Journal
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import decode_down, encode
from rigfarm.wire.frames import PROTOCOL, Acks, DownFrame, Hello, Logs, Welcome
from rigfarm.wire.log import OperationalLog

__all__ = ["Speaker", "speaker", "stored"]

TIMES = itertools.count(1_700_000_000_000)
"""No two logs of a rig are of the same millisecond."""


class Speaker:
    """A Sentry that says whatever it is told to say."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.next = 1
        self.acked = 0
        self.spool = os.urandom(16)

    async def hello(self, *tokens: str) -> Welcome:
        await self.socket.send(encode(Hello(PROTOCOL, "1", self.spool, list(tokens))))
        return await self.hear(Welcome)

    async def hear(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(30):
            while True:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                frame: DownFrame = decode_down(data)
                if isinstance(frame, kind):
                    return frame

    async def log(self, *slots: int) -> None:
        """A log for each slot; returns once they are acknowledged."""
        await self.say(*(OperationalLog(t=next(TIMES)) for _ in slots), slots=slots)
        await self.acknowledged()

    async def say(self, *logs: OperationalLog, slots: Sequence[int] = ()) -> None:
        """These logs, in one frame."""
        first = self.next
        self.next += len(logs)
        raws = [msgspec.Raw(encode(one)) for one in logs]
        await self.socket.send(encode(Logs(first, list(slots) or [0] * len(logs), raws)))

    async def acknowledged(self) -> None:
        """Wait until all that was said is."""
        while self.acked < self.next - 1:
            self.acked = max(self.acked, *(last for _, last in (await self.hear(Acks)).ranges))

    async def closed(self) -> tuple[int, str]:
        """Code and reason."""
        async with asyncio.timeout(30):
            async for _ in _until_closed(self.socket):
                pass
        assert self.socket.close_code not in (1005, 1006), "it was only hung up on"
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


async def _until_closed(socket: ClientConnection) -> AsyncIterator[None]:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.recv()
            yield


@asynccontextmanager
async def speaker(commander: CommanderProcess) -> AsyncIterator[Speaker]:
    async with connect(commander.url.replace("http", "ws", 1) + "/link", compression=None) as socket:
        yield Speaker(socket)


def stored(commander: CommanderProcess) -> Counter[int]:
    """Logs by rig, of a Commander that has ended."""
    journal = Journal(commander.folder / "journal.db")
    journal.open()
    return Counter(rig for _, row in journal.rows_after(0) for rig in row.rigs)
