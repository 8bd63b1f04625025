"""A replica that follows: its journal and its history become those of the one that leads, message by message."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog
from msgspec import structs

from rigfarm.commander.activity import Head, write_head
from rigfarm.commander.history import History, keep_of
from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs import CopiedJournal
from rigfarm.commander.logs.store import open_reader
from rigfarm.commander.replicas.lead import Lead
from rigfarm.commander.replicas.model import FactsMessage, HeadMessage, Message, NewcomerMessage, RowMessage
from rigfarm.commander.replicas.snapshots import fetch_snapshot
from rigfarm.commander.replicas.stream import NotTheLastError, Stream
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import StorageError
from rigfarm.commander.supervised import Part

__all__ = ["Follower"]

log = structlog.get_logger()

SNAPSHOT_EVERY_S = 20.0
AWAY_S = 0.5
_T = TypeVar("_T")


class Follower:
    """From `open` to `close`, the files of the journal and of the history are this one's."""

    def __init__(self, settings: Settings, lead: Lead, stream: Stream) -> None:
        path = settings.data_dir / "journal.db"
        self._folder = settings.data_dir
        self._lead = lead
        self._stream = stream
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="follower")
        self._journal = CopiedJournal(path, keep_hours=settings.journal_hours)
        self._rigs: dict[int, KindName] = {}
        self._written: int | None = None
        """The message up to which the history has what happened."""
        self._remembers = settings.history == "on"
        self._history = History(
            settings.data_dir / "history.db",
            lambda: open_reader(path),
            lambda: self._rigs,
            interval_s=settings.report_interval_s,
            keep=keep_of(settings),
            ready=self._ready,
            on=self._remembers,
        )
        self.trouble = ""
        """What keeps it from following."""

    @property
    def position(self) -> int:
        """The message up to which it has everything."""
        if self._written is None or not self._remembers:
            return self._journal.position
        return min(self._journal.position, self._written)

    async def open(self) -> None:
        """Find out where to read on. StorageError where messages are missing that the stream has no longer."""
        if self._remembers:
            self._written = await self._history.copied_up_to() or self._journal.position
        first, last = await self._stream.state()
        if self.position + 1 < first or (self.position == 0 and last > 0 and first > 1):
            raise StorageError(
                f"This replica is too far behind: it has the farm's messages up to {self.position}, and NATS keeps "
                f"those from {first}. Restore a new backup of the one that leads into its data folder (docs/scale.md)."
            )
        self._stream.last = self.position

    async def follow(self, part: Part) -> None:
        """Copy, until cancelled."""
        while True:
            try:
                async for messages in self._stream.read(self.position):
                    part.beat()
                    await self._take(messages)
                    self.trouble = ""
            except (OSError, sqlite3.Error, NotTheLastError) as error:
                self._stumbled(error)
            part.beat()
            await asyncio.sleep(AWAY_S)

    async def catch_up(self) -> None:
        """Copy what is there now. OSError, sqlite3.Error, NotTheLastError."""
        _, last = await self._stream.state()
        if self.position < last:
            async for messages in self._stream.read(self.position):
                await self._take(messages)
                if self.position >= last:
                    break
        self._stream.last = max(self.position, last)

    async def remember(self, part: Part) -> None:
        """Make history of what is copied, until cancelled."""
        await self._history.run(part)

    async def snapshots(self, part: Part) -> None:
        """Fetch each new snapshot, until cancelled."""
        known = ""
        while True:
            with contextlib.suppress(OSError):  # `follow` says that NATS is away
                snapshot, digest = await fetch_snapshot(self._stream, known)
                if snapshot is not None and snapshot.number <= self._journal.position:
                    await self._work(partial(self._journal.snapshot, snapshot.number, snapshot.parts))
                if snapshot is None or snapshot.number <= self._journal.position:
                    known = digest
            part.idle()
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            part.beat()

    def hurry(self) -> None:
        """It is about to be closed: no history is made any more, only noted what happened."""
        self._history.hurry()

    async def close(self) -> None:
        """Let go of the files."""
        await self._history.close()
        await self._work(self._journal.close)
        self._worker.shutdown(wait=False)

    # On the way

    async def _take(self, messages: list[tuple[int, Message]]) -> None:
        """What happened first: a rig that is removed, and whose history is kept, is known to be before its logs end."""
        if not messages:
            return
        upto = messages[-1][0]
        if self._remembers:
            for number, message in messages:
                if isinstance(message, FactsMessage):
                    await self._history.copied(structs.replace(message.batch, number=number))
            self._written = upto
        await self._work(partial(self._copy, messages, upto))

    def _copy(self, messages: list[tuple[int, Message]], upto: int) -> None:
        if upto <= self._journal.position:
            return
        for _, message in messages:
            if isinstance(message, HeadMessage):
                self._note_head(message.head)
        with self._journal.up_to(upto):
            for number, message in messages:
                if number <= self._journal.position:
                    continue
                if isinstance(message, RowMessage):
                    self._journal.row(number, message.t_ms, message.rigs, message.body)
                elif isinstance(message, NewcomerMessage):
                    self._journal.newcomer(message.spool, message.newest)

    def _note_head(self, text: str) -> None:
        with contextlib.suppress(ValueError):  # of a version that writes it otherwise
            write_head(self._folder, Head.parse(text))

    async def _ready(self) -> int:
        """Before a round of the history: the rigs that there are, for all logs up to a row of the journal."""
        newest = await self._work(lambda: self._journal.newest)
        self._rigs = await self._lead.rigs()
        return newest

    async def _work(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _stumbled(self, error: Exception) -> None:
        if not self.trouble:
            log.warning("this replica cannot follow at the moment; it catches up when it can", error=str(error))
        self.trouble = str(error)
