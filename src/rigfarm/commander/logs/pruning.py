"""Which rows have outlived the hours that the journal keeps: by the time that really passed, for a wall clock may jump.

A clock that jumps five days ahead must not make two days of logs vanish. So rows of this life go by the monotonic
clock, and rows of earlier ones by how much older than the newest of them they are, and how long this life lasts.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable

__all__ = ["PRUNE_ROWS", "Pruning"]

PRUNE_ROWS = 200
"""Rows deleted after a commit at the most, so that pruning never makes one commit long."""
NOTE_EVERY_S = 60.0

_BY_STAMP = "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE t_ms < ? AND id <= ? ORDER BY t_ms LIMIT ?)"
_BY_NUMBER = "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT ?)"


class Pruning:
    """Used from one thread at a time; `monotonic` yields s."""

    def __init__(self, keep_ms: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keep_ms = keep_ms
        self._monotonic = monotonic
        self._opened = monotonic()
        self._inherited = 0
        """The last row of earlier lives, and its stamp."""
        self._inherited_ms = 0
        self._notes: deque[tuple[float, int]] = deque()
        """Now and then: the time, and the row that was written then."""
        self._outlived = 0
        """Rows of this life up to this one."""

    def opened(self, db: sqlite3.Connection) -> None:
        """Learn what earlier lives left."""
        newest = db.execute("SELECT id, t_ms FROM journal ORDER BY id DESC LIMIT 1").fetchone()
        self._inherited, self._inherited_ms = newest or (0, 0)
        self._opened = self._monotonic()

    def prune(self, db: sqlite3.Connection, row_id: int, wall_ms: int) -> None:
        """Delete some of what is too old, in the caller's transaction; `row_id` was just written."""
        now = self._monotonic()
        if self._inherited:
            newest_ms = self._inherited_ms + int((now - self._opened) * 1000)
            db.execute(_BY_STAMP, (min(wall_ms, newest_ms) - self._keep_ms, self._inherited, PRUNE_ROWS))
        if not self._notes or now - self._notes[-1][0] >= NOTE_EVERY_S:
            self._notes.append((now, row_id))
        while self._notes and self._notes[0][0] < now - self._keep_ms / 1000:
            self._outlived = self._notes.popleft()[1]
        if self._outlived:
            db.execute(_BY_NUMBER, (self._outlived, PRUNE_ROWS))
