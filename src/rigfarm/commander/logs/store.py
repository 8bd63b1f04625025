"""The journal's database: one file of its own, one writing connection that also owns the checkpoint.

SQLite before 3.51.3 can corrupt a WAL when two connections write or checkpoint; readers here are read-only and never
checkpoint. `synchronous=FULL` is what makes an acknowledged log survive a power cut (docs/reliability.md).
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from rigfarm.common.clock import utc_ms

__all__ = ["note_streamed", "open_reader", "open_writer", "row_of_message", "stream_position"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY AUTOINCREMENT, t_ms INTEGER NOT NULL, rigs BLOB NOT NULL,
                                    body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS journal_t ON journal (t_ms);
CREATE TABLE IF NOT EXISTS snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, t_ms INTEGER NOT NULL,
                                      journal_id INTEGER NOT NULL, marks BLOB NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS newcomers (spool BLOB PRIMARY KEY, t_ms INTEGER NOT NULL, newest BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS streamed (number INTEGER PRIMARY KEY, row INTEGER NOT NULL);
"""
"""`streamed`: the newest messages of the stream that replicas share, and the rows that they became here."""
STREAMED = 4_000
"""Of them are kept: a quarter of an hour or more."""


def open_writer(path: Path, *, synchronous: str = "FULL") -> tuple[sqlite3.Connection, list[str]]:
    """The one connection that writes, and what is damaged: a file that is not a database is kept under another name,
    and a new one begun. Used from one thread at a time."""
    try:
        return _open(path, synchronous), []
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{utc_ms()}")
        for suffix in ("-shm", "-wal", ""):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
        return _open(path, synchronous), [f"{path.name}, now {aside.name}: {error}"]


def _open(path: Path, synchronous: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("PRAGMA wal_autocheckpoint=2000")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    path.chmod(0o600)
    return db


def stream_position(db: sqlite3.Connection) -> int:
    """The message up to which the file has what is in the replicas' stream; 0 where it never was in one."""
    found: int | None = db.execute("SELECT max(number) FROM streamed").fetchone()[0]
    return found or 0


def note_streamed(db: sqlite3.Connection, number: int, row: int) -> None:
    """A message became this row (0: none), in the caller's transaction."""
    db.execute("INSERT OR REPLACE INTO streamed (number, row) VALUES (?, ?)", (number, row))
    db.execute("DELETE FROM streamed WHERE number < ?", (number - STREAMED,))


def row_of_message(db: sqlite3.Connection, number: int) -> int | None:
    """The row that a message became; None for one that is none of the newest, or has no row."""
    found = db.execute("SELECT row FROM streamed WHERE number = ? AND row > 0", (number,)).fetchone()
    return found[0] if found is not None else None


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and never checkpoints."""
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA query_only=1")
    return db
