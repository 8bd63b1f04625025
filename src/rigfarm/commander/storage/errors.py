"""What can be wrong with a database, in words for the operator."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

__all__ = ["StorageError", "StorageInUseError", "is_refused_value"]


class StorageError(Exception):
    """The database cannot be used; the text says why, and what to do."""


class StorageInUseError(StorageError):
    """Another process writes to this database."""


def is_refused_value(error: DBAPIError) -> bool:
    """Whether PostgreSQL refuses a value, such as a number beyond its column or a NUL in a text (class 22, "data
    exception"), and not the work. SQLite takes these, or raises OverflowError."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith("22")
