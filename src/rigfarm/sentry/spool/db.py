"""The spool's database: how it is opened, its tables, and what counts as damage."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

__all__ = [
    "PAGE_BYTES",
    "STORAGE_ERRORS",
    "DamagedError",
    "check_tables",
    "connect",
    "create_tables",
    "in_words",
    "is_damage",
]

PAGE_BYTES = 4096
_PRAGMAS = (
    f"page_size={PAGE_BYTES}",
    # One file to survive: a log beside it (WAL) could lose its tail unnoticed.
    "journal_mode=TRUNCATE",
    "synchronous=FULL",
    # What is deleted is overwritten, so that it does not come back when a damaged file is searched.
    "secure_delete=ON",
    "cache_size=-512",
    "locking_mode=EXCLUSIVE",
    "temp_store=MEMORY",
)
_TABLES = (
    "CREATE TABLE meta (k INTEGER PRIMARY KEY, v BLOB NOT NULL)",
    "CREATE TABLE gaps (first INTEGER PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE records (seq INTEGER PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE held (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
)
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedError(Exception):
    """What SQLite reads happily and is not what was written."""


STORAGE_ERRORS = (sqlite3.Error, OSError, MemoryError, UnicodeDecodeError, DamagedError)
"""Whatever a disk can do to the spool."""


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that the file is no longer what it wrote (in words that may be damaged themselves)."""
    if isinstance(error, DamagedError | UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    # Plainly read-only, without a reason of the system's: a damaged header says so, for the file was opened to write.
    return (code & 0xFF) in _DAMAGE or code == sqlite3.SQLITE_READONLY


def in_words(error: BaseException) -> str:
    """What is wrong with the disk, for a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return "the disk is full"
    if code == sqlite3.SQLITE_READONLY or getattr(error, "errno", None) == errno.EROFS:
        return "the disk is read-only"
    if not isinstance(error, STORAGE_ERRORS):
        return f"an unexpected error ({type(error).__name__}: {str(error)[:200]})"
    return f"the disk cannot be written ({error})"


def connect(path: Path | None, *, new: bool = False) -> sqlite3.Connection:
    """Open (or, `new`, make) a file only its user can read; without a path, a database in memory."""
    if path is not None:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if new else 0), 0o600))
    db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=5.0)
    db.text_factory = bytes
    try:
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def check_tables(db: sqlite3.Connection) -> None:
    """DamagedError when the tables are not described in the file as they were."""
    found = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master ORDER BY rowid")]
    if found != [statement.encode() for statement in _TABLES]:
        raise DamagedError("the description of its tables is damaged")


def create_tables(db: sqlite3.Connection) -> None:
    """The tables of an empty spool, inside the caller's transaction."""
    for statement in _TABLES:
        db.execute(statement)
