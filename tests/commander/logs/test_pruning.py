"""The journal keeps its hours of logs by the time that really passed, whatever the wall clock says."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from rigfarm.commander.logs.pruning import PRUNE_ROWS, Pruning
from rigfarm.commander.logs.store import open_writer

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KEEP_MS = 48 * HOUR_MS
NOW_MS = 1_800_000_000_000


class Clock:
    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    return open_writer(tmp_path / "journal.db")[0]


def write(db: sqlite3.Connection, pruning: Pruning, wall_ms: int) -> int:
    row = db.execute("INSERT INTO journal (t_ms, rigs, body) VALUES (?, x'', x'')", (wall_ms,)).lastrowid or 0
    pruning.prune(db, row, wall_ms)
    return row


def rows(db: sqlite3.Connection) -> list[int]:
    return [row for (row,) in db.execute("SELECT id FROM journal ORDER BY id")]


def test_it_works(db: sqlite3.Connection) -> None:
    clock = Clock()
    pruning = Pruning(KEEP_MS, monotonic=clock)
    written = []
    for hour in range(100):
        clock.s += 3_600
        written.append(write(db, pruning, NOW_MS + hour * HOUR_MS))
    assert rows(db) == written[-49:]


def test_what_earlier_lives_left_grows_old_too(db: sqlite3.Connection) -> None:
    for hour in range(60):
        db.execute("INSERT INTO journal (t_ms, rigs, body) VALUES (?, x'', x'')", (NOW_MS + hour * HOUR_MS,))
    clock = Clock()
    pruning = Pruning(KEEP_MS, monotonic=clock)
    pruning.opened(db)
    write(db, pruning, NOW_MS + 60 * HOUR_MS)
    assert len(rows(db)) == 50
    clock.s += 24 * 3_600
    write(db, pruning, NOW_MS + 84 * HOUR_MS)
    assert len(rows(db)) == 27


@pytest.mark.parametrize("jump_ms", [5 * DAY_MS, -5 * DAY_MS, 50 * 365 * DAY_MS])
def test_a_wall_clock_that_jumps_deletes_nothing(db: sqlite3.Connection, jump_ms: int) -> None:
    for hour in range(24):
        db.execute("INSERT INTO journal (t_ms, rigs, body) VALUES (?, x'', x'')", (NOW_MS + hour * HOUR_MS,))
    clock = Clock()
    pruning = Pruning(KEEP_MS, monotonic=clock)
    pruning.opened(db)
    for wall_ms in (NOW_MS + DAY_MS, NOW_MS + DAY_MS + jump_ms, NOW_MS + DAY_MS, NOW_MS + DAY_MS - jump_ms):
        clock.s += 60
        write(db, pruning, max(wall_ms, 0))
    assert len(rows(db)) == 28


def test_one_commit_never_deletes_many(db: sqlite3.Connection) -> None:
    for _ in range(3 * PRUNE_ROWS):
        db.execute("INSERT INTO journal (t_ms, rigs, body) VALUES (?, x'', x'')", (NOW_MS - 10 * KEEP_MS,))
    db.execute("INSERT INTO journal (t_ms, rigs, body) VALUES (?, x'', x'')", (NOW_MS,))
    pruning = Pruning(KEEP_MS, monotonic=Clock())
    pruning.opened(db)
    write(db, pruning, NOW_MS)
    assert len(rows(db)) == 2 * PRUNE_ROWS + 2
