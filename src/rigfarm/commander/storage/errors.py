"""What can be wrong with a database, in words for the operator."""

from __future__ import annotations

__all__ = ["StorageError", "StorageInUseError"]


class StorageError(Exception):
    """The database cannot be used; the text says why, and what to do."""


class StorageInUseError(StorageError):
    """Another process writes to this database."""
