"""New databases that are ready at once: migrating an empty one takes longer than most tests that use it.

Whoever tests migrations doesn't use this, nor does a Commander with a Python of its own.
"""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from pathlib import Path

from sqlalchemy import StaticPool, create_engine

from rigfarm.commander.storage import sqlite
from rigfarm.commander.storage.migrate import upgrade

__all__ = ["create_file", "ready"]

_create_empty = sqlite.create_file


def create_file(path: Path) -> None:
    """What `sqlite.create_file` does, with tables."""
    new = not path.exists()
    _create_empty(path)
    if new:
        path.write_bytes(ready())


@functools.cache
def ready() -> bytes:
    """The content of a database that was just made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rigfarm.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        with engine.begin() as transaction:
            transaction.exec_driver_sql("BEGIN")
            upgrade(transaction)
        engine.dispose()
        connection.close()
        return path.read_bytes()
