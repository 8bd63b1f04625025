"""Who reads the stream: how many may, from which feed, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import structlog
from litestar.exceptions import ServiceUnavailableException

from rigfarm.commander.kinds import KindName
from rigfarm.commander.stream.model import HEARTBEAT, Feed, Reader
from rigfarm.commander.supervised import Part

__all__ = ["Streams", "Subject"]

log = structlog.get_logger()

MAX_READERS = 256
MAX_READERS_EACH = 128
"""Of one API key or login: a script that never hangs up leaves room for others."""
MAX_FEEDS = 32
"""Different filters at a time: each costs work for every change."""
SWEEP_S = 0.5
HEARTBEAT_ROUNDS = 30
AGAIN_ROUNDS = 20
MAX_ROUNDS = 7_200
"""A reader ends after an hour, and comes again: the Commander lets no request take much longer."""
RETRY_AFTER = {"Retry-After": "10"}

Subject: TypeAlias = Literal["rigs", "alerts", "activity"]
_Asked: TypeAlias = tuple[Subject, KindName | None, str]


class _Running:
    """A feed, its task, and whether it has begun."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(feed.run(self.ready), name="live stream")


class Streams:
    """All readers and feeds. Nothing runs, and nothing is subscribed to, while there are no readers."""

    def __init__(
        self,
        feeds: Mapping[Subject, Callable[[KindName | None, str], Feed]],
        on_empty: Callable[[], None] = lambda: None,
    ) -> None:
        """`feeds`: makes one of a subject, a kind of rig and a search; `on_empty`: the last reader has gone."""
        self._feeds = feeds
        self._on_empty = on_empty
        self._running: dict[_Asked, _Running] = {}
        self._readers: dict[Reader, int] = {}
        """And for how many rounds of the sweep."""
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._readers)

    def check_room(self, subjects: Collection[Subject], kind: KindName | None, search: str, owner: Hashable) -> None:
        """ServiceUnavailableException when one more reader would be too many."""
        why = ""
        if self._closed:
            why = "The Commander is stopping."
        elif len(self._readers) >= MAX_READERS:
            why = f"{MAX_READERS} streams are open, which is the maximum. Close one first."
        elif sum(reader.owner == owner for reader in self._readers) >= MAX_READERS_EACH:
            why = f"{MAX_READERS_EACH} streams of this key are open, which is the maximum. Close one first."
        elif len({*self._running, *_asked(subjects, kind, search)}) > MAX_FEEDS:
            why = f"Streams with {MAX_FEEDS} different filters are open, which is the maximum. Close one first."
        if why:
            raise ServiceUnavailableException(why, headers=RETRY_AFTER)

    @asynccontextmanager
    async def reading(
        self,
        subjects: Collection[Subject],
        kind: KindName | None,
        search: str,
        alive: Callable[[], bool],
        owner: Hashable,
    ) -> AsyncIterator[Reader]:
        """A reader of these, for as long as the block runs."""
        asked = _asked(subjects, kind, search)
        runnings = [self._run(one) for one in asked]
        reader = Reader([one.feed for one in runnings], alive, owner)
        self._readers[reader] = 0
        for one in runnings:
            one.feed.readers.add(reader)
        try:
            for one in runnings:
                await one.ready.wait()
            yield reader
        finally:
            self._readers.pop(reader, None)
            for name, one in zip(asked, runnings, strict=True):
                one.feed.readers.discard(reader)
                if not one.feed.readers and self._running.get(name) is one:
                    del self._running[name]
                    self._ending.add(one.task)
                    one.task.add_done_callback(self._ending.discard)
                    one.task.cancel()
            if not self._readers:
                self._on_empty()

    def end(self) -> None:
        """The Commander ends: so do all readers, and no more come."""
        self._closed = True
        for reader in self._readers:
            reader.end()

    async def close(self) -> None:
        """End them, and wait for the feeds."""
        self.end()
        tasks = [*self._ending, *(one.task for one in self._running.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, part: Part) -> None:
        """End readers whose key or login has ended, keep silent connections open; until cancelled."""
        rounds = 0
        while True:
            part.beat()
            await asyncio.sleep(SWEEP_S)
            rounds += 1
            for reader in self._readers:
                self._sweep(reader)
            if not rounds % AGAIN_ROUNDS:
                for one in self._running.values():
                    one.feed.again()

    def _sweep(self, reader: Reader) -> None:
        self._readers[reader] += 1
        if self._readers[reader] >= MAX_ROUNDS or not reader.alive():
            reader.end()
            return
        reader.quiet_rounds += 1
        if reader.quiet_rounds >= HEARTBEAT_ROUNDS:
            reader.quiet_rounds = 0
            reader.put(HEARTBEAT)

    def _run(self, asked: _Asked) -> _Running:
        found = self._running.get(asked)
        if found is None:
            subject, kind, search = asked
            found = self._running[asked] = _Running(self._feeds[subject](kind, search))
            found.task.add_done_callback(lambda task: self._feed_ended(asked, found, task))
        return found

    def _feed_ended(self, asked: _Asked, running: _Running, task: asyncio.Task[None]) -> None:
        """It failed: its readers come again, to a new one."""
        running.ready.set()
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("a live stream failed; its readers have to connect again", of=asked[0], exc_info=error)
        if self._running.get(asked) is running:
            del self._running[asked]
        for reader in running.feed.readers:
            reader.end()


def _asked(subjects: Collection[Subject], kind: KindName | None, search: str) -> list[_Asked]:
    """Kind and search are of rigs."""
    return [(one, kind, search) if one == "rigs" else (one, None, "") for one in dict.fromkeys(subjects)]
