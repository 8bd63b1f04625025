"""The journal: every quarter of a second the logs that arrived become one durable row, and only then are acknowledged.

    link.receive -> take() -> [pending batch] -> commit in the writer's thread -> receipts are called on the loop

The event loop owns the pending batch; the writer's thread owns the database. While a commit runs the next batch grows,
so a slow disk makes fewer, larger commits; beyond MAX_PENDING_BYTES `room()` makes the links wait, and they make their
Sentries wait. A commit that fails (a full disk) is retried with the same batch for ever: nothing is acknowledged
meanwhile, so nothing is lost.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import structlog
import zstandard

from rigfarm.commander.logs.pruning import Pruning
from rigfarm.commander.logs.rows import EncodedLog, Row, pack_body, pack_rigs, unpack_rigs
from rigfarm.commander.logs.seen import Seen
from rigfarm.commander.logs.store import open_reader, open_writer

__all__ = ["COMMIT_EVERY_S", "Journal", "Receipt", "Snapshot", "rigs_of_rows"]

COMMIT_EVERY_S = 0.25
SNAPSHOT_EVERY_S = 60.0
RETRY_S = 1.0
MAX_PENDING_BYTES = 64 << 20
MAX_SPOOLS = 100_000
"""Whose numbers are remembered, 400 bytes each: every disk that a Sentry was ever installed on has one."""

log = structlog.get_logger()

_marks = msgspec.msgpack.Decoder(dict[bytes, list[tuple[int, int]]])


class Snapshot(msgspec.Struct):
    """State as of a journal row, so that a start reads a minute of rows and not two days."""

    journal_id: int
    state: bytes
    """What `Journal.state` returned then; opaque here."""


Receipt = Callable[[int, int], None]
"""Told the first and last sequence number of a frame once it is durable."""


class _Batch:
    """What goes into the next row. Flat lists of things that exist already: at ten thousand logs a second, an object
    made per log is an object the garbage collector has to visit."""

    __slots__ = ("bytes", "firsts", "lasts", "logs", "marks", "receipts", "rigs")

    def __init__(self) -> None:
        self.rigs: list[int] = []
        self.logs: list[EncodedLog] = []
        self.marks: dict[bytes, list[int]] = {}
        """First and last numbers in turn, by spool."""
        self.receipts: list[Receipt] = []
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.bytes = 0

    def mark(self, spool: bytes, taken: list[tuple[int, int]]) -> None:
        """These numbers become durable with this batch; a range that continues the last one melts into it."""
        known = self.marks.get(spool)
        if known is None:
            known = self.marks[spool] = []
        for first, last in taken:
            if known and known[-1] + 1 == first:
                known[-1] = last
            else:
                known += (first, last)


class Journal:
    """The journal of this Commander. All methods are called on the event loop unless they say otherwise."""

    def __init__(self, path: Path, *, keep_hours: float = 48.0, synchronous: str = "FULL") -> None:
        self.path = path
        self.state: Callable[[], Callable[[], bytes]] = lambda: lambda: b""
        """Called on the loop at a snapshot; what it returns is called in the writer's thread and yields the state."""
        self.committed = 0
        """Logs made durable since the start."""
        self.duplicates = 0
        self.failing: str | None = None
        """Why commits fail at the moment, in words."""
        self.commit_s = 0.0
        """How long the last commit took."""
        self.on_committed: Callable[[int, int, list[int]], None] | None = None
        """Told (row id, t_ms, rig ids) of every row once it is durable."""
        self._pruning = Pruning(int(keep_hours * 3_600_000))
        self._synchronous = synchronous
        self._pending = _Batch()
        self._seen: dict[bytes, Seen] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._db: sqlite3.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._snapshot_at = 0.0

    # Start and stop

    def open(self) -> Snapshot | None:
        """Open the file and learn what is in it; returns the last snapshot. Blocking: called before serving."""
        self._db = open_writer(self.path, synchronous=self._synchronous)
        self._pruning.opened(self._db)
        found = self._db.execute("SELECT journal_id, marks, state FROM snapshots ORDER BY id DESC LIMIT 1").fetchone()
        after = 0
        snapshot = None
        if found is not None:
            after, marks, state = found
            decompress = zstandard.ZstdDecompressor().decompress
            decoded = _marks.decode(decompress(marks, max_output_size=1 << 30))
            self._seen = {spool: Seen(ranges) for spool, ranges in decoded.items()}
            snapshot = Snapshot(after, decompress(state, max_output_size=1 << 30))
        for _, row in self.rows_after(after):
            for spool, numbers in row.marks.items():
                seen = self._seen.setdefault(spool, Seen())
                for first, last in zip(numbers[::2], numbers[1::2], strict=True):
                    seen.take(first, last)
        return snapshot

    def rows_after(self, row_id: int) -> Iterator[tuple[int, Row]]:
        """(t_ms, row) of rows newer than `row_id`, oldest first. Blocking."""
        assert self._db is not None, "open() first"
        found = self._db.execute("SELECT t_ms, rigs, body FROM journal WHERE id > ? ORDER BY id", (row_id,))
        for t_ms, rigs, body in found:
            yield t_ms, Row(rigs, body)

    def start(self) -> None:
        """Begin to commit."""
        self._snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
        self._task = asyncio.create_task(self._commit_loop(), name="journal")

    async def close(self) -> None:
        """Commit what is pending, write a snapshot, close the file."""
        self._closing = True
        self._snapshot_at = 0.0
        self._wake.set()
        if self._task is not None:
            await self._task
        db = self._db
        if db is not None:
            await asyncio.get_running_loop().run_in_executor(self._writer, db.close)
        self._writer.shutdown(wait=False)

    # What the link does

    async def room(self) -> None:
        """Wait while too much is pending: this is what makes Sentries wait."""
        await self._room.wait()

    @property
    def has_room(self) -> bool:
        """Whether `room()` would return at once."""
        return self._room.is_set()

    def take(self, spool: bytes, first: int, last: int) -> list[tuple[int, int]]:
        """Claim sequence numbers; returns those not claimed before. Every claim must be followed by `add`."""
        seen = self._seen.get(spool)
        if seen is None:
            seen = self._seen[spool] = Seen()
            while len(self._seen) > MAX_SPOOLS:
                del self._seen[next(iter(self._seen))]
        return seen.take(first, last)

    def highest(self, spool: bytes) -> int | None:
        """The highest number ever taken of a spool: one that has not given it out yet must take a new identity.

        Asked when a Sentry connects: spools that have not for the longest time are the first to be forgotten.
        """
        seen = self._seen.pop(spool, None)
        if seen is None:
            return None
        self._seen[spool] = seen
        return seen.highest

    def add(
        self,
        spool: bytes,
        taken: list[tuple[int, int]],
        rigs: list[int],
        logs: list[EncodedLog],
        frame: tuple[int, int],
        receipt: Receipt,
    ) -> None:
        """Put logs (encoded, one rig id each) into the next row; `receipt` hears of the frame's first and last sequence
        number once that is durable.

        Also for a re-sent frame with nothing new in it: its first copy may not be durable yet.
        """
        batch = self._pending
        batch.rigs += rigs
        batch.logs += logs
        batch.mark(spool, taken)
        batch.receipts.append(receipt)
        batch.firsts.append(frame[0])
        batch.lasts.append(frame[1])
        for log in logs:
            batch.bytes += len(log)
        batch.bytes += 64
        if batch.bytes > MAX_PENDING_BYTES:
            self._room.clear()
        self._wake.set()

    # What readers do

    def reader(self) -> sqlite3.Connection:
        """A new read-only connection, for one thread."""
        return open_reader(self.path)

    # The commit loop

    async def _commit_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if not self._closing:
                await asyncio.sleep(COMMIT_EVERY_S)
            self._wake.clear()
            batch, self._pending = self._pending, _Batch()
            work = self._prepare(batch)
            while True:
                try:
                    row_id, t_ms, seconds = await loop.run_in_executor(self._writer, work)
                    break
                except (sqlite3.Error, OSError) as error:
                    if self.failing is None:
                        log.error("journal cannot be written, nothing is acknowledged until it can", error=str(error))
                    self.failing = str(error)
                    if self._closing:
                        return
                    await asyncio.sleep(RETRY_S)
            if self.failing is not None:
                log.info("journal is written again")
                self.failing = None
            self.commit_s = seconds
            self.committed += len(batch.logs)
            if self._pending.bytes <= MAX_PENDING_BYTES:
                self._room.set()
            if self.on_committed is not None and batch.rigs:
                self.on_committed(row_id, t_ms, batch.rigs)
            for receipt, first, last in zip(batch.receipts, batch.firsts, batch.lasts, strict=True):
                receipt(first, last)
            if self._closing and not self._pending.receipts:
                return

    def _prepare(self, batch: _Batch) -> Callable[[], tuple[int, int, float]]:
        """Bind one commit to the state of this moment: a snapshot must know exactly the rows up to its own."""
        snapshot: Callable[[], tuple[bytes, bytes]] | None = None
        if time.monotonic() >= self._snapshot_at:
            self._snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
            marks = {spool: seen.ranges for spool, seen in self._seen.items()}
            state = self.state()

            def snapshot() -> tuple[bytes, bytes]:
                compress = zstandard.ZstdCompressor(level=1).compress
                return compress(msgspec.msgpack.encode(marks)), compress(state())

        return lambda: self._commit(batch, snapshot)

    def _commit(self, batch: _Batch, snapshot: Callable[[], tuple[bytes, bytes]] | None) -> tuple[int, int, float]:
        """In the writer's thread: one transaction."""
        db = self._db
        assert db is not None
        t_ms = time.time_ns() // 1_000_000
        if not batch.marks and snapshot is None:
            return 0, t_ms, 0.0  # only re-sent logs, durable since the commit before this one
        body = pack_body(batch.logs, batch.marks)
        parts = snapshot() if snapshot is not None else None
        started = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        try:
            row = db.execute(
                "INSERT INTO journal (t_ms, rigs, body) VALUES (?, ?, ?)", (t_ms, pack_rigs(batch.rigs), body)
            )
            row_id = row.lastrowid or 0
            if parts is not None:
                db.execute(
                    "INSERT INTO snapshots (t_ms, journal_id, marks, state) VALUES (?, ?, ?, ?)", (t_ms, row_id, *parts)
                )
                db.execute("DELETE FROM snapshots WHERE id < (SELECT max(id) - 1 FROM snapshots)")
            self._pruning.prune(db, row_id, t_ms)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return row_id, t_ms, time.perf_counter() - started


def rigs_of_rows(db: sqlite3.Connection, since_ms: int) -> Iterator[tuple[int, int, set[int]]]:
    """(row id, t_ms, rig ids) of every row since then, for building an index. Blocking."""
    for row_id, t_ms, rigs in db.execute("SELECT id, t_ms, rigs FROM journal WHERE t_ms >= ? ORDER BY id", (since_ms,)):
        yield row_id, t_ms, set(unpack_rigs(rigs))
