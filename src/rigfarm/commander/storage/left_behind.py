"""A farm that would be left behind: the data folder holds one, and `database_url` names another, empty database."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from rigfarm.commander.storage.errors import StorageError
from rigfarm.commander.storage.storage import Storage
from rigfarm.units import counted

__all__ = ["refuse_to_leave_behind"]

_NO_FARM = ("no such table", "not a database")


async def refuse_to_leave_behind(storage: Storage, file: Path) -> None:
    """StorageError when the database that is open has no rigs, and the one of the data folder has: an empty farm would
    start, and every rig's token would be unknown to it."""
    if storage.dialect != "postgresql":
        return
    async with storage.read() as tx:
        if await tx.scalar(text("SELECT EXISTS (SELECT 1 FROM rigs)")):
            return
    if rigs := await asyncio.to_thread(_rigs_in, file):
        raise StorageError(
            f"database_url names an empty database, but {file} holds a farm of {counted(rigs, 'rig')}: "
            f"the new one would not know their tokens. Leave database_url "
            f"out to keep using that farm, or move it into the new database: "
            f"`rigfarm commander migrate --from sqlite:///{file} --to postgresql://…` (docs/backup.md). To start an "
            f"empty farm there, move the file away first."
        )


def _rigs_in(file: Path) -> int:
    if not file.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM rigs").fetchone()[0])
    except sqlite3.Error as error:
        if any(words in str(error) for words in _NO_FARM):
            return 0
        raise StorageError(
            f"database_url names an empty database, and {file}, which may hold a farm, cannot be read: {error}. To "
            "start an empty farm, move the file away first."
        ) from error
