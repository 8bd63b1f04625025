"""The journal: every quarter of a second the logs that arrived become one durable row, and only then are acknowledged.

    link.receive -> take() -> [pending batch] -> commit in the writer's thread -> receipts are called on the loop

The event loop owns the pending batch; the writer's thread owns the database. While a commit runs the next batch grows,
so a slow disk makes fewer, larger commits; beyond MAX_PENDING_BYTES `room()` makes the links wait, and they make their
Sentries wait. A commit that fails (a full disk) is retried with the same batch for ever: nothing is acknowledged
meanwhile, so nothing is lost. With replicas (`share`), a row goes to them first, and once to each.

A batch that fails while another row could be written is split until the frame that cannot be stored is alone. It is set
aside (`set_aside`) and then acknowledged, because sending it again would change nothing; all others are stored.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import structlog

from rigfarm.commander.logs.batch import Batch, Receipt
from rigfarm.commander.logs.holders import SpoolHolders
from rigfarm.commander.logs.newcomers import MAX_NEWCOMERS, read_newcomers, write_newcomer
from rigfarm.commander.logs.pruning import Pruning
from rigfarm.commander.logs.rows import DamagedRowError, EncodedLog, Row, pack_body, pack_rigs, unpack_rigs
from rigfarm.commander.logs.seen import Seen, TooManyRangesError
from rigfarm.commander.logs.set_aside import SetAside
from rigfarm.commander.logs.snapshots import Snapshot, packed, read_snapshots, write_snapshot
from rigfarm.commander.logs.store import note_streamed, open_reader, open_writer
from rigfarm.commander.supervised import Part, keep_going
from rigfarm.common.clock import utc_ms

__all__ = ["COMMIT_EVERY_S", "Journal", "Receipt", "Share", "Snapshot", "TooLargeRowError", "rigs_of_rows"]

COMMIT_EVERY_S = 0.25
SNAPSHOT_EVERY_S = 60.0
RETRY_S = 1.0
MAX_PENDING_BYTES = 64 << 20
MAX_SPOOLS = 100_000
"""Whose numbers are remembered, 400 bytes each: every disk that a Sentry was ever installed on has one. Beyond, those
that no rig's Sentry has come with since the start make room."""

log = structlog.get_logger()

_T = TypeVar("_T")
_Packed = Callable[[], tuple[bytes, bytes]]
Share = Callable[[int, bytes, bytes], Awaitable[int]]
"""Gives the replicas a row (t_ms, rigs, body), and returns its number in their stream once it is safe there. OSError
while it cannot; TooLargeRowError."""
_Row = tuple[int, bytes, bytes]
"""t_ms, rigs, body."""
_PROBE = b"\x91\x00"
"""A log, as short as one can be."""
_INSERT = "INSERT INTO journal (t_ms, rigs, body) VALUES (?, ?, ?)"


class TooLargeRowError(ValueError):
    """The replicas' stream takes no row of this size."""


class Journal:
    """The journal of this Commander. All methods are called on the event loop unless they say otherwise."""

    def __init__(
        self,
        path: Path,
        *,
        keep_hours: float = 48.0,
        synchronous: str = "FULL",
        part: Part | None = None,
        state: Callable[[], Callable[[], bytes]] = lambda: lambda: b"",
        on_committed: Callable[[int, int, list[int]], None] | None = None,
        on_set_aside: Callable[[list[int], str], None] = lambda rigs, why: None,
        share: Share | None = None,
        share_newcomer: Callable[[bytes, dict[int, int]], Awaitable[int]] | None = None,
        on_snapshot: Callable[[int, tuple[bytes, bytes]], None] | None = None,
    ) -> None:
        """`state` is called on the loop at a snapshot, and what it returns in the writer's thread; it yields the state.
        `on_committed` is called with (row id, t_ms, rig ids) of every row once it is durable, `on_set_aside` with the
        rig ids of a frame that cannot be stored, and why.

        `share`: a row goes to the replicas before it is written here; `on_snapshot` is called in the writer's thread
        with each snapshot, and the number in their stream of the row up to which it goes."""
        self.path = path
        self.part = part or Part("journal", restarts=False)
        """How it does: trouble while nothing can be written, hanging when a commit is overdue."""
        self.state = state
        self.committed = 0
        """Logs made durable since the start."""
        self.duplicates = 0
        self.damage: list[str] = []
        """What could not be read back at the start."""
        self.snapshot_error: str | None = None
        """Why the last snapshot was not made."""
        self.set_aside = SetAside(path.with_name("set-aside"))
        self.commit_s = 0.0
        """How long the last commit took."""
        self.on_committed = on_committed
        self.on_set_aside = on_set_aside
        self._share = share
        self._share_newcomer = share_newcomer
        self._on_snapshot = on_snapshot
        self._shared: tuple[Batch, _Row, int] | None = None
        """The batch that is given to the replicas, its row, and the row's number in their stream once they have it."""
        self.newcomers: dict[bytes, dict[int, int]] = {}
        """Spools that began with logs of an earlier identity: the time of each rig's newest log before (`doubles`)."""
        self._keep_ms = int(keep_hours * 3_600_000)
        self._pruning = Pruning(self._keep_ms)
        self._synchronous = synchronous
        self._pending = Batch()
        self._storing: list[tuple[Batch, _Packed | None]] = []
        """Batches that are being stored, the next one last, with the snapshot that belongs to it."""
        self._seen: dict[bytes, Seen] = {}
        self.holders = SpoolHolders()
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
        """Open the file and learn what is in it; returns the last snapshot. What is damaged is passed over and noted in
        `damage`. Blocking: called before serving."""
        self._db, damage = open_writer(self.path, synchronous=self._synchronous)
        self.damage += damage
        self._pruning.opened(self._db)
        self.newcomers = read_newcomers(self._db, self.damage.append)
        snapshot = None
        for found in read_snapshots(self._db):
            if isinstance(found, Snapshot):
                snapshot = found
                self._seen = found.seen
                break
            self.damage.append(found)
        for _, row in self._rows(snapshot.journal_id if snapshot is not None else 0, self.damage.append):
            for spool, numbers in row.marks.items():
                self._take_marks(spool, numbers)
        if self.damage:
            log.error(
                "parts of the journal cannot be read and are ignored", count=len(self.damage), first=self.damage[0]
            )
        return snapshot

    def _take_marks(self, spool: bytes, numbers: list[int]) -> None:
        seen = self._seen.setdefault(spool, Seen())
        for first, last in zip(numbers[::2], numbers[1::2], strict=True):
            try:
                seen.take(first, last)
            except TooManyRangesError as error:
                self.damage.append(f"marks: {error}")

    def rows_after(self, row_id: int) -> Iterator[tuple[int, Row]]:
        """(t_ms, row) of rows newer than `row_id`, oldest first, without damaged ones. Blocking."""
        return self._rows(row_id, lambda _why: None)

    def _rows(self, row_id: int, damaged: Callable[[str], None]) -> Iterator[tuple[int, Row]]:
        assert self._db is not None, "open() first"
        try:
            found = self._db.execute("SELECT id, t_ms, rigs, body FROM journal WHERE id > ? ORDER BY id", (row_id,))
            for number, t_ms, rigs, body in found:
                try:
                    row = Row(rigs, body)
                except DamagedRowError as error:
                    damaged(f"row {number}: {error}")
                    continue
                yield t_ms, row
        except sqlite3.DatabaseError as error:
            damaged(f"rows: {error}")

    def start(self) -> None:
        """Begin to commit."""
        self._snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
        self._task = asyncio.create_task(keep_going(self.part, self._run), name="journal")

    async def close(self) -> None:
        """Commit what is pending, write a snapshot, close the file."""
        self._closing = True
        self._snapshot_at = 0.0
        self._wake.set()
        if self._task is not None:
            await self._task
        db = self._db
        if db is not None:
            await self._in_writer(db.close)
        self._writer.shutdown(wait=False)

    @property
    def failing(self) -> str | None:
        """Why nothing can be written at the moment, in words."""
        return self.part.trouble

    @property
    def waiting(self) -> tuple[int, int]:
        """(logs, their bytes) that are not durable yet."""
        batches = [self._pending, *(batch for batch, _ in self._storing)]
        return sum(len(batch.logs) for batch in batches), sum(batch.bytes for batch in batches)

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
            if len(self._seen) > MAX_SPOOLS:
                self._forget_unheld()
        return seen.take(first, last)

    def claim(self, spool: bytes, rigs: Iterable[int]) -> None:
        """A Sentry with this spool greeted for these rigs. A rig that comes with ever new spools costs its own oldest
        marks, not those of others."""
        for left in self.holders.claim(spool, rigs):
            self._seen.pop(left, None)

    def _forget_unheld(self) -> None:
        """Those that have not greeted for the longest time; some at once, for looking at all of them takes a while."""
        unheld = (spool for spool in self._seen if not self.holders.held(spool))
        for spool in list(islice(unheld, MAX_SPOOLS // 100 + 1)):
            del self._seen[spool]

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
        """Put logs (encoded, one rig id each) into the next row; `receipt` is called with the frame's first and last
        sequence number once that is durable.

        Also for a re-sent frame with nothing new in it: its first copy may not be durable yet.
        """
        batch = self._pending
        batch.add(spool, taken, rigs, logs, frame, receipt)
        if batch.bytes > MAX_PENDING_BYTES:
            self._room.clear()
        if len(batch) == 1:
            self.part.expect()
            self._wake.set()

    def knows(self, spool: bytes) -> bool:
        """Whether numbers of the spool were taken."""
        return spool in self._seen

    async def settled(self) -> None:
        """Wait until all that was added so far is durable."""
        done = asyncio.get_running_loop().create_future()

        def receipt(_first: int, _last: int) -> None:
            if not done.done():
                done.set_result(None)

        self.add(b"", [], [], [], (0, 0), receipt)
        await done

    async def remember_newcomer(self, spool: bytes, newest: dict[int, int]) -> None:
        """Keep what tells a spool's doubles, so that a restart in the middle of its backlog stores none of them."""
        if spool in self.newcomers:
            return
        self.newcomers[spool] = newest
        while len(self.newcomers) > MAX_NEWCOMERS:
            del self.newcomers[next(iter(self.newcomers))]

        if self._share_newcomer is not None:
            await self._share_newcomer(spool, newest)

        def work() -> None:
            with self._transaction() as db:
                write_newcomer(db, spool, newest, self._keep_ms)

        await self._in_writer(work)

    # What readers do

    def reader(self) -> sqlite3.Connection:
        """A new read-only connection, for one thread."""
        return open_reader(self.path)

    # The commit loop

    async def _run(self, part: Part) -> None:
        """Store batches until closed. What it works on stays in `_storing`: a new start goes on there."""
        while True:
            if not self._storing:
                if not self._pending and not self._closing:
                    part.idle()
                await self._wake.wait()
                if not self._closing:
                    await asyncio.sleep(COMMIT_EVERY_S)
                self._wake.clear()
                batch, self._pending = self._pending, Batch()
                self._storing.append((batch, self._snapshot()))
            part.beat()
            while self._storing:
                if not await self._store(*self._storing[-1]):
                    if self._closing:
                        return
                    await asyncio.sleep(RETRY_S)
                part.beat()
            if self._closing and not self._pending and self._snapshot_at:
                return

    async def _store(self, batch: Batch, snapshot: _Packed | None) -> bool:
        """Store a batch or deal with why it cannot be; False: it is this machine's fault, try again later."""
        try:
            await self._give(batch, with_snapshot=snapshot is not None)
            row_id, t_ms, seconds = await self._in_writer(partial(self._commit, batch, snapshot))
        except Exception as error:  # noqa: BLE001 - judged and reported there
            return await self._not_stored(batch, snapshot, error)
        self._storing.pop()
        self._shared = None
        self._works_again()
        self.commit_s = seconds
        self.committed += len(batch.logs)
        if row_id and self.on_committed is not None and batch.rigs:
            try:
                self.on_committed(row_id, t_ms, batch.rigs)
            except Exception as error:
                log.error("a journal row was not indexed: charts lack it until the next start", exc_info=error)
        self._acknowledge(batch)
        return True

    async def _give(self, batch: Batch, *, with_snapshot: bool) -> None:
        """Let the replicas have the batch as a row, once, even if it cannot be written here after that."""
        if self._share is None or self._is_shared(batch):
            return
        if self._shared is None or self._shared[0] is not batch:
            row = await self._in_writer(partial(_row_of, batch, with_snapshot=with_snapshot))
            if row is None:
                return
            self._shared = batch, row, 0
        row = self._shared[1]
        self._shared = batch, row, await self._share(*row)

    def _is_shared(self, batch: Batch) -> bool:
        return self._shared is not None and self._shared[0] is batch and self._shared[2] > 0

    async def _not_stored(self, batch: Batch, snapshot: _Packed | None, error: Exception) -> bool:
        if isinstance(error, TooLargeRowError) and len(batch) > 1:
            self._split(batch, snapshot)
            return True
        if self._is_shared(batch) or _disk_is_to_blame(error) or not await self._takes_others():
            self._fails(error)
            return False
        self._storing.pop()
        if snapshot is not None:
            self._no_snapshot(error)
            self._storing.append((batch, None))
        elif len(batch) > 1:
            log.warning("logs cannot be stored together", frames=len(batch), error=repr(error))
            self._storing.append((batch, None))
            self._split(batch, None)
        else:
            return await self._set_aside(batch, error)
        return True

    def _split(self, batch: Batch, snapshot: _Packed | None) -> None:
        """In place of a batch, its halves; a snapshot goes with the end of it."""
        self._storing.pop()
        first, second = batch.halves()
        self._storing += ((second, snapshot), (first, None))

    async def _takes_others(self) -> bool:
        """Whether any row can be written: if none can, no frame is to blame."""
        try:
            await self._in_writer(self._probe)
        except Exception as error:  # noqa: BLE001 - reported as what keeps the journal from its work
            self._fails(error)
            return False
        return True

    async def _set_aside(self, batch: Batch, error: Exception) -> bool:
        """Keep a frame that cannot be stored, and acknowledge it, for it would only come again."""
        why = f"{type(error).__name__}: {error}"
        try:
            await self._in_writer(partial(self.set_aside.keep, batch, why))
        except Exception as again:
            if _disk_is_full(again):
                self._storing.append((batch, None))
                self._fails(again)
                return False
            log.error("logs that cannot be stored could not be set aside either: they are lost", exc_info=again)
            self.set_aside.lost += 1
        log.error("logs that cannot be stored were set aside", rigs=sorted(set(batch.rigs))[:10], exc_info=error)
        self._acknowledge(batch)
        try:
            self.on_set_aside(batch.rigs, why)
        except Exception as again:
            log.error("could not report logs that were set aside", exc_info=again)
        return True

    def _acknowledge(self, batch: Batch) -> None:
        if self._pending.bytes <= MAX_PENDING_BYTES:
            self._room.set()
        for receipt, first, last in zip(batch.receipts, batch.firsts, batch.lasts, strict=True):
            try:
                receipt(first, last)
            except Exception as error:
                log.error("stored logs could not be acknowledged; they are when they come again", exc_info=error)

    def _fails(self, error: Exception) -> None:
        if self.part.trouble is None:
            log.error("journal cannot be written, nothing is acknowledged until it can", error=repr(error))
        self.part.trouble = str(error) or type(error).__name__

    def _works_again(self) -> None:
        if self.part.trouble is not None:
            log.info("journal is written again")
            self.part.trouble = None

    # Snapshots

    def _snapshot(self) -> _Packed | None:
        """Bind a snapshot, if one is due, to the state of this moment: it must know exactly the rows up to its own."""
        if time.monotonic() < self._snapshot_at:
            return None
        self._snapshot_at = time.monotonic() + SNAPSHOT_EVERY_S
        try:
            state = self.state()
        except Exception as error:  # noqa: BLE001 - logged there
            self._no_snapshot(error)
            return None
        return partial(packed, {spool: seen.ranges for spool, seen in self._seen.items()}, state)

    def _no_snapshot(self, error: Exception) -> None:
        """The one before stays: a start reads more rows, and that is all."""
        if self.snapshot_error is None:
            log.error("no snapshot could be made; the next start takes longer", exc_info=error)
        self.snapshot_error = f"{type(error).__name__}: {error}"

    # In the writer's thread

    def _in_writer(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _commit(self, batch: Batch, snapshot: _Packed | None) -> tuple[int, int, float]:
        """One transaction; returns (row id, t_ms, seconds), a row id of 0 when there was nothing to write."""
        shared = self._shared if self._is_shared(batch) else None
        row = shared[1] if shared is not None else _row_of(batch, with_snapshot=snapshot is not None)
        if row is None:
            return 0, utc_ms(), 0.0
        t_ms, number = row[0], shared[2] if shared is not None else 0
        parts = self._packed(snapshot) if snapshot is not None else None
        started = time.perf_counter()
        with self._transaction() as db:
            row_id = db.execute(_INSERT, row).lastrowid or 0
            if number:
                note_streamed(db, number, row_id)
            if parts is not None:
                write_snapshot(db, t_ms, row_id, parts)
            self._prune(db, row_id, t_ms)
        took = time.perf_counter() - started
        if parts is not None:
            self.snapshot_error = None
            if number and self._on_snapshot is not None:
                self._on_snapshot(number, parts)
        return row_id, t_ms, took

    def _packed(self, snapshot: _Packed) -> tuple[bytes, bytes] | None:
        try:
            return snapshot()
        except Exception as error:  # noqa: BLE001 - logged there
            self._no_snapshot(error)
            return None

    def _prune(self, db: sqlite3.Connection, row_id: int, t_ms: int) -> None:
        try:
            self._pruning.prune(db, row_id, t_ms)
        except (ArithmeticError, ValueError, TypeError) as error:
            log.error("old rows of the journal were not deleted", exc_info=error)

    def _probe(self) -> None:
        """Write a row and take it back."""
        body = pack_body([_PROBE], {})
        with self._transaction() as db:
            row_id = db.execute(_INSERT, (0, pack_rigs([0]), body)).lastrowid
            db.execute("DELETE FROM journal WHERE id = ?", (row_id,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        assert db is not None
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _row_of(batch: Batch, *, with_snapshot: bool) -> _Row | None:
    """As it is stored; None when there is nothing to store: only re-sent logs, durable since the commit before."""
    marks = batch.marks()
    if not marks and not with_snapshot:
        return None
    return utc_ms(), pack_rigs(batch.rigs), pack_body(batch.logs, marks)


def _disk_is_to_blame(error: Exception) -> bool:
    return isinstance(error, OSError | sqlite3.OperationalError)


def _disk_is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


def rigs_of_rows(db: sqlite3.Connection, since_ms: int) -> Iterator[tuple[int, int, set[int]]]:
    """(row id, t_ms, rig ids) of every row since then, for building an index. Blocking."""
    for row_id, t_ms, rigs in db.execute("SELECT id, t_ms, rigs FROM journal WHERE t_ms >= ? ORDER BY id", (since_ms,)):
        try:
            found = set(unpack_rigs(rigs))
        except (ValueError, TypeError):
            continue  # damaged
        yield row_id, t_ms, found
