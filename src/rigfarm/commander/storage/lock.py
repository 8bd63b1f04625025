"""One process per SQLite file. Before 3.51.3 SQLite can corrupt its write-ahead log when two connections write or
checkpoint, so a Commander, and a command that changes its database, hold this lock as long as they have it open."""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.storage.errors import StorageInUseError
from rigfarm.common.file_lock import FileLock, LockedError

__all__ = ["held"]


def held(path: Path, what: str) -> FileLock:
    """The lock, taken, or StorageInUseError with the holder's process id; `what` it keeps others from, for people."""
    try:
        return FileLock(path)
    except LockedError as error:
        raise StorageInUseError(
            f"{what} is in use by another process of Rigfarm (process {error.holder}). Stop it first."
        ) from None
