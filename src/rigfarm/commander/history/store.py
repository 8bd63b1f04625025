"""The file of history: `history.db`, one table for each resolution, one writing connection.

`synchronous=NORMAL`: a power cut may take the last commits, whole ones. Their logs are still in the journal, and the
position up to which it was read went with them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from rigfarm.commander.history.model import DERIVED, TABLES, Table, derived_row
from rigfarm.common.clock import utc_ms

__all__ = ["KNOWN_BY", "Reader", "Store", "damaged", "set_aside"]

FORMAT = 5
"""Of the tables and of what is in them."""

_SCHEMA = "".join(
    f"CREATE TABLE IF NOT EXISTS {table}{part} (id INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    for table in TABLES
    for part in ("", "_open")
)
"""Rows grow while their time goes on, and a page whose rows grew is half empty. So they grow in the `_open` table, and
move, in order and for good, when their time is over: the pages of the other table are full."""
_SCHEMA += """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, t_ms INTEGER NOT NULL, rig INTEGER NOT NULL, what TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_rig ON events (what, rig, t_ms);
CREATE INDEX IF NOT EXISTS events_by_time ON events (t_ms);
CREATE TABLE IF NOT EXISTS lives (
    rig INTEGER PRIMARY KEY, kind TEXT NOT NULL, added_ms INTEGER NOT NULL, first_ms INTEGER, removed_ms INTEGER);
CREATE TABLE IF NOT EXISTS kept (
    rig INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, removed_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS spans (began_ms INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rig_days (
    day INTEGER, rig INTEGER, online_ms INTEGER, degraded_ms INTEGER, idle_ms INTEGER, stopped_ms INTEGER, mj INTEGER,
    powered_ms INTEGER, hot_ms INTEGER, program_starts INTEGER, rig_starts INTEGER,
    PRIMARY KEY (day, rig)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rig_day_coins (
    day INTEGER, rig INTEGER, coin TEXT, work REAL, ms INTEGER, judged REAL, expected REAL, powered REAL, mj INTEGER,
    accepted INTEGER, rejected INTEGER, stale INTEGER, invalid INTEGER, PRIMARY KEY (day, rig, coin)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rigs (rig INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
_SCHEMA += "".join(f"CREATE TABLE IF NOT EXISTS {table}_due (id INTEGER PRIMARY KEY);" for table in DERIVED)
KNOWN_BY: dict[str, tuple[Table, ...]] = {"briefs_position": ("briefs", "minute_briefs"), "tens_position": ("tens",)}
"""Notes of what a version that knows these derived tables wrote last; they came with different ones."""
_PAGE = 65_536
"""Rows are some kilobytes: in smaller pages they would leave much of the last one empty."""
_AT_ONCE = 500
"""Ids in one query."""


class Reader:
    """Reads history. Each is used from one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        """For those that read or write tables of their own."""

    @classmethod
    def open(cls, path: Path) -> Reader:
        """A reader that cannot write and never checkpoints."""
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("PRAGMA query_only=1")
        return cls(db)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """All that is read in the block is of one moment."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK")

    def get(self, table: Table, row: int) -> bytes | None:
        """A row."""
        found = self.db.execute(
            f"SELECT body FROM {table}_open WHERE id = ? UNION ALL SELECT body FROM {table} WHERE id = ?",  # noqa: S608
            (row, row),
        ).fetchone()
        return found[0] if found is not None else None

    def some(self, table: Table, rows: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Those of these rows that are there, in the order of their ids."""
        wanted = sorted(rows)
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            marks = ",".join("?" * len(part))
            for one in (table, f"{table}_open"):
                yield from self.db.execute(
                    f"SELECT id, body FROM {one} WHERE id IN ({marks}) ORDER BY id",  # noqa: S608
                    part,
                )

    def between(self, table: Table, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Rows from one id until before another, in no order."""
        for one in (table, f"{table}_open"):
            yield from self.db.execute(f"SELECT id, body FROM {one} WHERE id >= ? AND id < ?", (begin, end))  # noqa: S608

    def first(self, table: Table) -> int | None:
        """The id of the oldest row."""
        found: int | None = self.db.execute(
            f"SELECT min(id) FROM (SELECT min(id) AS id FROM {table} UNION SELECT min(id) FROM {table}_open)"  # noqa: S608
        ).fetchone()[0]
        return found

    def note(self, name: str) -> int | None:
        """A number that was noted."""
        found = self.db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return found[0] if found is not None else None

    def rig(self, rig: int) -> tuple[int, int] | None:
        """The times of the first and the last log of a rig, UTC ms."""
        found = self.db.execute("SELECT first_ms, last_ms FROM rigs WHERE rig = ?", (rig,)).fetchone()
        return (found[0], found[1]) if found is not None else None

    def rigs(self) -> list[int]:
        """Every rig that has history."""
        return [rig for (rig,) in self.db.execute("SELECT rig FROM rigs ORDER BY rig")]


class Store(Reader):
    """The one connection that writes. Used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file. One that is not a database is kept under another name, and a new one begun. What a version
        with other formats made is begun again from the journal."""
        self.path = path
        self.damage = ""
        """What was wrong with the file."""
        try:
            db = _open(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self.damage = set_aside(path, error)
            db = _open(path)
        super().__init__(db)
        for name, tables in KNOWN_BY.items():
            if self.note(name) != self.note("position"):  # an earlier version wrote, which knows none
                with self.transaction():
                    for table in tables:
                        for part in ("", "_open", "_due"):
                            db.execute(f"DELETE FROM {table}{part}")  # noqa: S608

    def close(self) -> None:
        """Close the file, with all that was written in it: readers may still have it open."""
        with contextlib.suppress(sqlite3.Error):
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        super().close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block, or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def put(self, table: Table, rows: Iterable[tuple[int, bytes]]) -> None:
        """Write rows, or write them again."""
        settled = self._settled(table)
        ordered = sorted(rows)
        self._derive_anew(table, (row for row, _ in ordered))
        for part, some in groupby(ordered, key=lambda one: "" if one[0] < settled else "_open"):
            self.db.executemany(f"INSERT OR REPLACE INTO {table}{part} (id, body) VALUES (?, ?)", some)  # noqa: S608

    def _derive_anew(self, source: Table, rows: Iterable[int]) -> None:
        """These rows are others than before: what was derived from them is wrong from now on."""
        tables = [table for table, of in DERIVED.items() if of == source]
        changed = list(rows) if tables else []
        for table in tables:
            due = sorted({derived_row(table, row) for row in changed})
            self.db.executemany(f"INSERT OR IGNORE INTO {table}_due (id) VALUES (?)", ((row,) for row in due))  # noqa: S608
            self.delete(table, due)

    def _settled(self, table: Table) -> int:
        return self.note(f"{table}_settled") or 0

    def settle(self, table: Table, row: int, most: int) -> bool:
        """Move up to `most` rows before `row`, whose time is over, to where they stay; True when more are left."""
        last = self.db.execute(
            f"SELECT id FROM {table}_open WHERE id < ? ORDER BY id LIMIT 1 OFFSET ?",  # noqa: S608
            (row, most),
        ).fetchone()
        border = max(last[0] if last is not None else row, self._settled(table))
        where = f"FROM {table}_open WHERE id < ?"
        self.db.execute(f"INSERT OR REPLACE INTO {table} (id, body) SELECT id, body {where} ORDER BY id", (border,))
        self.db.execute(f"DELETE {where}", (border,))
        self.set_note(f"{table}_settled", border)
        return last is not None

    def set_note(self, name: str, value: int) -> None:
        """Note a number."""
        self.db.execute("INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)", (name, value))

    def seen(self, rig: int, first_ms: int, last_ms: int) -> None:
        """A rig has logs of this time."""
        self.db.execute(
            "INSERT INTO rigs (rig, first_ms, last_ms) VALUES (?, ?, ?) ON CONFLICT (rig) DO UPDATE SET "
            "first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)",
            (rig, first_ms, last_ms),
        )

    def delete_before(self, table: Table, row: int, most: int) -> int:
        """Delete up to `most` of the rows before `row`, the oldest first; returns how many."""
        return sum(
            self.db.execute(
                f"DELETE FROM {one} WHERE id IN (SELECT id FROM {one} WHERE id < ? ORDER BY id LIMIT ?)",  # noqa: S608
                (row, most),
            ).rowcount
            for one in (table, f"{table}_open")
        )

    def delete(self, table: Table, rows: Iterable[int]) -> None:
        """Delete rows."""
        gone = [(row,) for row in rows]
        self._derive_anew(table, (row for (row,) in gone))
        for one in (table, f"{table}_open"):
            self.db.executemany(f"DELETE FROM {one} WHERE id = ?", gone)  # noqa: S608

    def forget(self, rig: int) -> None:
        """A rig has no history any longer."""
        self.db.execute("DELETE FROM rigs WHERE rig = ?", (rig,))


def damaged(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is not what was written."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def set_aside(path: Path, error: Exception) -> str:
    """Keep a damaged file, which is not open, under another name; returns what to say about it."""
    aside = path.with_name(f"{path.name}.damaged-{utc_ms()}")
    _each_file(path, lambda one, suffix: one.replace(aside.with_name(aside.name + suffix)))
    return f"{path.name}, now {aside.name}: {error}"


def _each_file(path: Path, do: Callable[[Path, str], object]) -> None:
    for suffix in ("-shm", "-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            do(path.with_name(path.name + suffix), suffix)


def _open(path: Path) -> sqlite3.Connection:
    db = _connect(path)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT and db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            db.close()
            _each_file(path, lambda one, _: one.unlink())
            db = _connect(path)
        db.execute(f"PRAGMA page_size={_PAGE}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=1000")
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version={FORMAT}")
    except sqlite3.Error:
        db.close()
        raise
    path.chmod(0o600)
    return db


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
