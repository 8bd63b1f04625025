"""The spool's file: records by number, bounded by bytes, and what became of those that are not there.

Blocking, and used from one thread at a time; `spool.Spool` is its front on the event loop. Every commit is durable.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.spool import statements
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.clock import Correction
from rigfarm.sentry.spool.db import PAGE_BYTES, DamagedError, check_tables, connect, create_tables, is_damage
from rigfarm.sentry.spool.meta import GapBook, Meta, read_meta, write_meta
from rigfarm.sentry.spool.record import DROPS, GAP, LOG, OVERHEAD, Record, from_row, pack
from rigfarm.sentry.spool.salvage import Findings, remove_journal, set_aside
from rigfarm.wire.codec import FrameError, decode_log

__all__ = ["SpoolFile"]

log = structlog.get_logger()

_T = TypeVar("_T")

_ROW_BYTES = OVERHEAD + 12
_MIN_PAGES = 64
_SHRINK_BYTES = 1 << 20


class SpoolFile:
    """One spool. `path` None keeps it in memory. sqlite3.Error, OSError: the disk does not do what it should."""

    def __init__(self, path: Path | None, limit_bytes: int) -> None:
        self.path = path
        self.meta = Meta()
        self.gaps = GapBook()
        self._cap_pages = max(_MIN_PAGES, limit_bytes // PAGE_BYTES)
        self._db: sqlite3.Connection | None = None
        if path is None or not path.exists() or not path.stat().st_size:
            if path is not None:
                path.unlink(missing_ok=True)
            self._create()
        else:
            self._open()

    # Opening

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._db is None:
            raise sqlite3.ProgrammingError("the spool is closed")
        return self._db

    def _create(self) -> None:
        self._db = connect(self.path, new=self.path is not None)
        with self._transaction():
            create_tables(self._db)

    def _open(self) -> None:
        try:
            self._db = connect(self.path)
            self._load()
        except (sqlite3.Error, MemoryError, UnicodeDecodeError, DamagedError) as error:
            # A file that cannot even be opened may say so with any code: the search tells damage from a bad disk.
            self._salvage(error)

    def _load(self) -> None:
        check_tables(self._conn)
        meta = read_meta(self._conn)
        if meta is None:
            raise DamagedError("its own description is damaged")
        self.meta, self.gaps = meta, GapBook()
        for first, blob in self._conn.execute("SELECT first, record FROM gaps"):
            record = from_row(blob)
            if record is None or record.magic not in (GAP, DROPS) or record.seq != first:
                raise DamagedError("a gap record is damaged")
            self.gaps.load(record)
        if meta.unwritten_from:
            # What the last life did not get to write, as far as it did not say before what became of it.
            lost = RangeSet([(meta.unwritten_from, meta.next_seq - 1)])
            for first, last in (*self.gaps.lost, *self.gaps.void):
                lost.discard(first, last)
            for first, last in lost:
                self.gaps.lost.add(first, last)
            meta.dropped_full += lost.size
            meta.unwritten_from = 0
        if not meta.logs and not meta.held:
            meta.shifts.clear()
            meta.epochs.clear()

    def verify(self) -> None:
        """Read the whole file once; what is damaged is salvaged. Slow on slow media."""
        self._guarded(self._check)

    def _check(self) -> None:
        (result,) = self._conn.execute("PRAGMA quick_check(1)").fetchone()
        if result != b"ok":
            raise DamagedError(result.decode(errors="replace"))
        (logs,) = self._conn.execute("SELECT count(*) FROM records").fetchone()
        if logs != self.meta.logs:
            raise DamagedError(f"{logs} logs where {self.meta.logs} should be")

    def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    # Writing

    def commit(self, batch: Batch, keep_through: int = 0) -> None:
        """Make records durable and delete acknowledged ones, all or nothing. Numbers up to `keep_through` are being
        sent: dropped last."""

        def work() -> None:
            with self._transaction():
                for first, last in batch.lost:
                    self.gaps.lost.add(first, last)
                    self.meta.dropped_full += last - first + 1
                self.gaps.drop(batch.lost_of)
                self.gaps.told(batch.told)
                for first, last in batch.void:
                    self.gaps.void.add(first, last)
                for first, last in batch.acked:
                    self._delete(first, last)
                    self.gaps.discard(first, last)
                self.meta.held -= statements.delete_held(self._conn, list(batch.released.values()))
                self._make_room(batch.records, keep_through)
                self._insert(batch.records)
                self.meta.next_seq = max(self.meta.next_seq, batch.next_seq)
                self.meta.unwritten_from = batch.unwritten_from

        self._guarded(work)
        self._shrink()

    def _insert(self, records: Sequence[Record]) -> None:
        before = self._conn.total_changes
        self._conn.executemany(
            "INSERT OR IGNORE INTO records VALUES (?, ?)", [(record.seq, pack(record)) for record in records]
        )
        self.meta.logs += self._conn.total_changes - before
        for record in records:
            if record.epoch:
                with contextlib.suppress(FrameError):  # an older version's: the Commander says what it thinks of it
                    self.meta.note_epoch(record.epoch, decode_log(record.body).t)

    def _delete(self, first: int, last: int) -> int:
        deleted = self._conn.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, last)).rowcount
        self.meta.logs -= deleted
        return deleted

    def _make_room(self, records: Sequence[Record], keep_through: int) -> None:
        """Drop the oldest until what comes fits below the limit."""
        need = sum(len(record.body) + _ROW_BYTES for record in records) * 5 // 4 // PAGE_BYTES + 4
        while self._used_pages() + need > self._cap_pages:
            chunk = max(need, self._cap_pages // 256) * PAGE_BYTES
            if dropped := statements.drop_held(self._conn, chunk):
                self.meta.held -= dropped
                self.meta.dropped_refused += dropped
            elif not (self._drop_oldest(chunk, keep_through) or self._drop_oldest(chunk, 0)):
                return

    def _drop_oldest(self, chunk: int, after: int) -> bool:
        rows = self._conn.execute("SELECT seq, length(record) FROM records WHERE seq > ? ORDER BY seq", (after,))
        seqs = statements.first_rows(rows, chunk)
        for first, last in RangeSet((seq, seq) for seq in seqs):
            self.gaps.drop(statements.keys_of(self._conn, first, last))
            self.meta.dropped_full += self._delete(first, last)
            self.gaps.lost.add(first, last)
        return bool(seqs)

    def _pragma(self, name: str) -> int:
        (value,) = self._conn.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    def _used_pages(self) -> int:
        return self._pragma("page_count") - self._pragma("freelist_count")

    @property
    def bytes_on_disk(self) -> int:
        """Size of the file (of the pages in memory, without one)."""
        return self._pragma("page_count") * PAGE_BYTES

    def _shrink(self) -> None:
        """Give the disk back once all is sent."""
        if self.meta.logs or self.meta.held or self.bytes_on_disk < _SHRINK_BYTES:
            return
        try:
            self._conn.execute("VACUUM")
        except sqlite3.OperationalError as error:
            log.debug("spool not shrunk", error=str(error))

    # Reading

    def read(self, after: int, before: int, *, max_records: int, max_bytes: int) -> tuple[list[Record], int]:
        """The oldest logs between two numbers, both exclusive, and the number up to which that is all there is.

        A damaged one is counted and becomes a gap.
        """
        good, bad, reached = self._guarded(lambda: self._read(after, before, max_records, max_bytes))
        if bad:
            log.warning("damaged logs in the spool", count=len(bad))
            with self._transaction():
                for seq in bad:
                    self.meta.dropped_damaged += self._delete(seq, seq)
                    self.gaps.lost.add(seq, seq)
        return good, reached

    def _read(self, after: int, before: int, max_records: int, max_bytes: int) -> tuple[list[Record], list[int], int]:
        good: list[Record] = []
        bad: list[int] = []
        query = "SELECT seq, record FROM records WHERE seq > ? AND seq < ? ORDER BY seq"
        with contextlib.closing(self._conn.execute(query, (after, before))) as rows:
            for seq, cell in rows:
                record = from_row(cell)
                if record is None:
                    bad.append(seq)
                elif record.seq != seq or record.magic != LOG:
                    raise DamagedError(f"record {record.seq} in the place of {seq}")
                else:
                    good.append(record)
                    max_bytes -= len(record.body)
                if max_bytes <= 0 or len(good) + len(bad) >= max_records:
                    return good, bad, seq
        return good, bad, before - 1

    # Tokens that are not good

    def forget(self, key: bytes) -> bool:
        """Delete some of a token's logs; whether there may be more."""
        return self._put_away(key, keep=False)

    def hold(self, key: bytes) -> bool:
        """Put some of a token's logs aside, so that those of others form unbroken runs; whether there may be more."""
        return self._put_away(key, keep=True)

    def _put_away(self, key: bytes, *, keep: bool) -> bool:
        def work() -> bool:
            with self._transaction():
                seqs = statements.some_of(self._conn, key)
                if keep:
                    copied = statements.copy_to_held(self._conn, seqs)
                    self.meta.held += copied
                    self.meta.dropped_damaged += len(seqs) - copied
                else:
                    self.meta.held -= statements.forget_held(self._conn, key)
                    self.gaps.dropped.pop(key, None)
                for first, last in RangeSet((seq, seq) for seq in seqs):
                    self._delete(first, last)
                    self.gaps.void.add(first, last)
            return bool(seqs)

        return self._guarded(work)

    def held(self, key: bytes, limit: int) -> list[tuple[int, Record]]:
        """Logs of a token that were put aside, oldest first, with their ids for `commit(released=…)`."""
        return self._guarded(lambda: statements.held(self._conn, key, limit))

    # Facts about the spool

    def refuse(self, first: int, last: int) -> None:
        """Give up logs that no Commander takes."""

        def work() -> None:
            with self._transaction():
                self.gaps.drop(statements.keys_of(self._conn, first, last))
                self.meta.dropped_refused += self._delete(first, last)
                self.gaps.lost.add(first, last)

        self._guarded(work)

    def renew(self) -> None:
        """Take a new identity: numbers begin a new life, so no log is taken for another that had its number."""

        def work() -> None:
            with self._transaction():
                self.meta.id = os.urandom(16)

        self._guarded(work)

    def shift(self, correction: Correction) -> None:
        """What became known of a stretch of time, and with it of those before."""

        def work() -> None:
            with self._transaction():
                self.meta.shift(correction)

        self._guarded(work)

    # Faults

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Do it; if the file turns out to be damaged, salvage it and do it again."""
        if self._db is None and self.path is not None and self.path.exists():
            self._open()
        try:
            return work()
        except (sqlite3.DatabaseError, UnicodeDecodeError, DamagedError) as error:
            if self.path is None or not is_damage(error):
                raise
            self._salvage(error)
        return work()

    def _salvage(self, error: BaseException) -> None:
        """Set the file aside, and begin a new one with every record that is still whole; or leave all as it was."""
        assert self.path is not None
        with contextlib.suppress(sqlite3.Error):
            self.close()
        aside = set_aside(self.path)
        self.meta, self.gaps = Meta(), GapBook()
        try:
            self._create()
            self._refill(aside)
        except BaseException:
            self.close()
            remove_journal(self.path)
            aside.replace(self.path)
            raise
        log.error(
            "the spool was damaged: what is left of it was saved",
            reason=str(error),
            set_aside=aside.name,
            saved=self.meta.logs,
            lost=self.meta.dropped_damaged,
        )

    def _refill(self, aside: Path) -> None:
        findings = Findings()
        for batch in findings.logs(aside):
            with self._transaction():
                self._insert([record for record in batch if record.magic == LOG])
                # In a page they lie in any order, and come back in that of their ids.
                held = sorted((one for one in batch if one.magic != LOG), key=lambda one: one.seq)
                self.meta.held += statements.insert_held(self._conn, held)
        with self._transaction():
            stored = self.gaps
            self.meta, self.gaps = findings.conclude(self.meta, self._missing)
            self.gaps.replaces(stored)

    def _missing(self, before: int) -> RangeSet:
        """All numbers below `before` that are not there."""
        missing = RangeSet([(1, before - 1)] if before > 1 else [])
        for (seq,) in self._conn.execute("SELECT seq FROM records ORDER BY seq"):
            missing.discard(seq, seq)
        return missing

    def move_to(self, path: Path) -> None:
        """Go on in a new file with what was kept in memory. sqlite3.Error, OSError: it stays in memory."""
        target = connect(path, new=True)
        try:
            self._conn.backup(target)
        except BaseException:
            target.close()
            path.unlink(missing_ok=True)
            raise
        self.close()
        self._db, self.path = target, path

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, for the file and for what is known about it."""
        db, meta, gaps = self._conn, self.meta.copy(), self.gaps.copy()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            write_meta(db, self.meta)
            self.gaps.write(db)
            db.execute("COMMIT")
        except BaseException:
            self.meta, self.gaps = meta, gaps
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
