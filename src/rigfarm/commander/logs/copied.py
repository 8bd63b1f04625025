"""The journal of a replica that follows: it stores the rows that the one that leads stored, in their order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigfarm.commander.logs.newcomers import write_newcomer
from rigfarm.commander.logs.pruning import Pruning
from rigfarm.commander.logs.snapshots import write_snapshot
from rigfarm.commander.logs.store import note_streamed, open_writer, row_of_message, stream_position
from rigfarm.common.clock import utc_ms

__all__ = ["CopiedJournal"]

_INSERT = "INSERT INTO journal (t_ms, rigs, body) VALUES (?, ?, ?)"


class CopiedJournal:
    """Blocking; used from one thread at a time. Nothing else writes the file meanwhile."""

    def __init__(self, path: Path, *, keep_hours: float) -> None:
        self._db, self.damage = open_writer(path)
        """What was wrong with the file."""
        self._keep_ms = int(keep_hours * 3_600_000)
        self._pruning = Pruning(self._keep_ms)
        self._pruning.opened(self._db)
        self.position = stream_position(self._db)
        """The message of the stream up to which it goes."""

    @property
    def newest(self) -> int:
        """The id of the newest row."""
        found: int | None = self._db.execute("SELECT max(id) FROM journal").fetchone()[0]
        return found or 0

    @contextmanager
    def up_to(self, number: int) -> Iterator[None]:
        """All that is taken in the block, and that it goes up to this message; or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if row_of_message(self._db, number) is None:
                note_streamed(self._db, number, 0)
            self._pruning.prune(self._db, self.newest, utc_ms())
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.position = number

    def row(self, number: int, t_ms: int, rigs: bytes, body: bytes) -> None:
        """Store the row of a message."""
        note_streamed(self._db, number, self._db.execute(_INSERT, (t_ms, rigs, body)).lastrowid or 0)

    def newcomer(self, spool: bytes, newest: dict[int, int]) -> None:
        """Keep what tells a spool's doubles."""
        write_newcomer(self._db, spool, newest, self._keep_ms)

    def snapshot(self, number: int, parts: tuple[bytes, bytes]) -> bool:
        """Keep a snapshot that goes up to a message; False when its row is none of the newest."""
        row = row_of_message(self._db, number)
        if row is None:
            return False
        self._db.execute("BEGIN IMMEDIATE")
        try:
            write_snapshot(self._db, utc_ms(), row, parts)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return True

    def close(self) -> None:
        """Close the file."""
        self._db.close()
