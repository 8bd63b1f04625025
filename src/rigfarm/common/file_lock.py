"""A file that one process holds at a time. The lock ends with its holder, kill -9 included."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

__all__ = ["FileLock", "LockedError"]

_MODE = 0o600


class LockedError(Exception):
    """Another process holds it; `holder` is its process id, or `unknown`."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by process {holder}")
        self.holder = holder


class FileLock:
    """Held from its making until `release()`. The file stays: removing it would let two holders in."""

    def __init__(self, path: Path) -> None:
        """LockedError when another holds it, OSError when it cannot be opened."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if isinstance(error, BlockingIOError):
                raise LockedError(path, holder or "unknown") from None
            raise
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others have it. Calling it twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
