"""A playbook's log on the rig's own disk: a few files of bounded size, readable by the Sentry's user only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

__all__ = ["LogFile"]

_NEW = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class LogFile:
    """`path`, `path.1` … `path.<kept - 1>`, the first being the newest."""

    def __init__(self, path: Path, *, max_bytes: int = 1 << 20, kept: int = 5) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept

    def append(self, lines: Iterable[str]) -> None:
        """Write lines, each with the time (UTC). Blocks; raises OSError."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime())
        data = "".join(f"{stamp}{line}\n" for line in lines).encode()
        file = os.open(self.path, _NEW, 0o600)
        try:
            if os.fstat(file).st_size + len(data) > self._max_bytes:
                os.close(file)
                self._rotate()
                file = os.open(self.path, _NEW, 0o600)
            os.write(file, data[-self._max_bytes :])
        finally:
            os.close(file)

    def remove(self) -> None:
        """Delete every file of it."""
        for number in range(self._kept):
            self._numbered(number).unlink(missing_ok=True)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            source = self._numbered(number - 1)
            if source.exists():
                source.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
