"""Which database an operator's URL means, as the URL its driver wants."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from rigfarm.commander.storage.errors import StorageError

__all__ = ["database_url", "sqlite_file"]


def database_url(text: str) -> URL:
    """A URL with its asynchronous driver; StorageError when it is none of ours."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise StorageError("database_url is not a valid URL. Expected postgresql://user:password@host/name.") from None
    kind = url.drivername.partition("+")[0]
    if kind in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+asyncpg")
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+aiosqlite")
    raise StorageError(
        f"database_url names {kind!r}, which Rigfarm cannot use. Leave it out for SQLite in the data folder, or name a "
        "PostgreSQL: postgresql://user:password@host/name."
    )


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for a PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return None
    assert url.database is not None, "checked by database_url"
    return Path(url.database).absolute()
