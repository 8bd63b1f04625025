"""SQLite as Rigfarm uses it: one connection writes and checkpoints, readers are read-only and never checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, NullPool, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["create_file", "migrating_engine", "reading_engine", "visiting_engine", "writing_engine"]

_BUSY = "busy_timeout=10000"
READERS = 4


def create_file(path: Path) -> None:
    """An empty file that only its user can read; SQLite gives its -wal and -shm the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def migrating_engine(url: URL) -> AsyncEngine:
    """For the time of a migration: rebuilding a table must not set off foreign keys, which SQLite cannot turn off
    within a transaction."""
    engine = create_async_engine(url, poolclass=NullPool)
    _prepare(engine, ["journal_mode=WAL", "synchronous=FULL", _BUSY, "foreign_keys=OFF"], "BEGIN IMMEDIATE")
    return engine


def writing_engine(url: URL) -> AsyncEngine:
    """The one connection that writes. FULL: what was committed survives a power cut."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    _prepare(engine, ["journal_mode=WAL", "synchronous=FULL", _BUSY, "foreign_keys=ON"], "BEGIN IMMEDIATE")
    return engine


def reading_engine(path: Path) -> AsyncEngine:
    """Connections that see one state of the database per transaction, and cannot change it."""
    url = URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    engine = create_async_engine(url, pool_size=READERS, max_overflow=0)
    _prepare(engine, ["wal_autocheckpoint=0", "query_only=ON", _BUSY], "BEGIN")
    return engine


def visiting_engine(path: Path) -> AsyncEngine:
    """For another process than the Commander: reads only, and never checkpoints. It can open the file for writing,
    because SQLite needs that to make its shared memory where no Commander runs."""
    url = URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    engine = create_async_engine(url, poolclass=NullPool)
    _prepare(engine, ["wal_autocheckpoint=0", "query_only=ON", _BUSY], "BEGIN")
    return engine


def _prepare(engine: AsyncEngine, pragmas: Iterable[str], begin: str) -> None:
    """Set every connection up, and begin transactions ourselves: Python's driver would begin them late, and not at all
    before DDL."""
    pragmas = tuple(pragmas)

    def connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    listen: Callable[[object, str, Callable[..., None]], None] = event.listen
    listen(engine.sync_engine, "connect", connected)
    listen(engine.sync_engine, "begin", begun)
