"""One process per SQLite file. Before 3.51.3 SQLite can corrupt its write-ahead log when two connections write or
checkpoint, so a Commander, and a command that changes its database, hold this lock as long as they have it open."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rigfarm.commander.storage.errors import StorageInUseError

__all__ = ["FileLock"]


class FileLock:
    """An exclusive lock that ends with its holder, kill -9 included."""

    def __init__(self, path: Path, what: str) -> None:
        """Take it now, or StorageInUseError with the holder's process id; `what` it keeps others from, for people."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StorageInUseError(
                f"{what} is in use by another process of Rigfarm (process {holder}). Stop it first."
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Let others have it; the file stays, for removing it would let two holders in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
