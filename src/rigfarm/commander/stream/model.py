"""A reader of the stream, and a feed that is made once for all readers of the same.

A feed encodes what changed once; its readers share the bytes. What a reader has not taken yet is bounded: beyond that
it is thrown away, and the reader gets a new snapshot instead. So a slow reader costs no more memory than a quick one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Sequence

import msgspec

from rigfarm.commander.live import ALL, Event, Hub

__all__ = ["Feed", "Reader", "encoded", "event"]

MAX_WAITING = 1 << 20
"""Bytes of changes that wait for a reader."""
FLUSH_INTERVAL_S = 0.1
BYTES_PER_S = 1 << 20
"""What a feed sends each reader on average, at the most: a farm in which everything changes is sent less often."""
URGENT_SHARE = 4
"""A feed rests this many times as long as its last round took."""
RETRY = b"retry: 3000\n\n"
HEARTBEAT = b": still here\n\n"

encoded = msgspec.json.Encoder().encode


def event(name: str, data: bytes) -> bytes:
    """One server-sent event; JSON has no line breaks."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


RESET = event("reset", b"{}")
READY = event("ready", b"{}")


class Reader:
    """One connection that reads some feeds."""

    def __init__(self, feeds: Sequence[Feed], alive: Callable[[], bool], owner: Hashable) -> None:
        """`alive`: whether the key or login behind it still is; `owner`: which one that is."""
        self.feeds = feeds
        self.alive = alive
        self.owner = owner
        self.quiet_rounds = 0
        """Rounds of the sweep since it was last sent anything."""
        self._waiting: list[bytes] = []
        self._size = 0
        self._behind = True
        self._ended = False
        self._wake = asyncio.Event()

    @property
    def waiting_bytes(self) -> int:
        """How much is kept for it."""
        return sum(map(len, self._waiting))

    def put(self, piece: bytes) -> None:
        """Something for it. While it has to get a snapshot anyway, there is nothing to keep."""
        self._size += len(piece)
        if self._size > MAX_WAITING:
            self._waiting.clear()
            self._behind = True
        if not self._behind:
            self._waiting.append(piece)
        self._wake.set()

    def end(self) -> None:
        """Send no more, and close the connection."""
        self._ended = True
        self._waiting.clear()
        self._wake.set()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What to send, until it ends: a snapshot, then changes."""
        yield RETRY
        while not self._ended:
            if self._behind:
                self._behind, self._size = False, 0
                yield RESET
                for feed in self.feeds:
                    async for piece in feed.snapshot():
                        yield piece
                yield READY
                continue
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            waiting, self._waiting, self._size = self._waiting, [], 0
            self.quiet_rounds = 0
            yield waiting[0] if len(waiting) == 1 else b"".join(waiting)


class Feed(ABC):
    """One subject, perhaps filtered, for all who read it. It subscribes to the hub only while it runs."""

    def __init__(self, hub: Hub, channels: Sequence[str]) -> None:
        self.readers: set[Reader] = set()
        self._hub = hub
        self._channels = channels
        self._wake = asyncio.Event()

    @abstractmethod
    def snapshot(self) -> AsyncIterator[bytes]:
        """All of it as it is now, in pieces."""

    @abstractmethod
    async def changes(self) -> bytes:
        """What changed since the last time, as events; empty when nothing did."""

    async def prepare(self) -> None:
        """Know what there is before the first snapshot."""
        await self.changes()

    def again(self) -> None:
        """Every few seconds: what depends on time may be different now."""
        self._wake.set()

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """The hub has a message: look at the next round."""
        del channel, key, event, payload
        self._wake.set()

    def channel_closed(self, channel: str) -> None:
        """None of these channels is ever closed."""
        del channel

    async def run(self, ready: asyncio.Event) -> None:
        """Follow the hub until cancelled; `ready` once there can be snapshots."""
        for channel in self._channels:
            self._hub.subscribe(self, channel, (ALL,))
        try:
            await self.prepare()
            ready.set()
            await self._send_for_ever()
        finally:
            for channel in self._channels:
                self._hub.unsubscribe(self, channel, (ALL,))

    async def _send_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            started = loop.time()
            changed = await self.changes()
            if changed:
                for reader in self.readers:
                    reader.put(changed)
            took = loop.time() - started
            await asyncio.sleep(max(FLUSH_INTERVAL_S, URGENT_SHARE * took, len(changed) / BYTES_PER_S) - took)
