"""Frames that cannot be stored, for a reason that waiting does not change: kept in files, to be looked into.

One file per frame, as JSON, because JSON holds any number. The folder is bounded: the oldest files make room.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from rigfarm.commander.logs.batch import Batch
from rigfarm.common.clock import utc_ms
from rigfarm.common.fsync import fsync_folder

__all__ = ["MAX_BYTES", "MAX_FILES", "SetAside"]

MAX_FILES = 100
MAX_BYTES = 32 << 20


class SetAside:
    """The folder of such frames. Blocking; used from one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = 0
        """Frames set aside since the start."""
        self.dropped = 0
        """Files that made room since the start."""
        self.lost = 0
        """Frames that could not even be set aside."""

    def keep(self, batch: Batch, why: str) -> None:
        """Keep a batch of one frame; it is durable when this returns. OSError when it cannot be written."""
        content = {
            "t_ms": utc_ms(),
            "why": why,
            "spool": batch.spools[0].hex(),
            "first": batch.firsts[0],
            "last": batch.lasts[0],
            "taken": batch.taken(0),
            "rigs": batch.rigs,
            "logs": [base64.b64encode(log).decode() for log in batch.logs],
        }
        data = json.dumps(content).encode()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        found = self._files()
        path = self.folder / f"{_number(found[-1]) + 1 if found else 1:09d}.json"
        try:
            _write(path, data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self.kept += 1
        self._make_room([*found, path])

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(path for path in self.folder.glob("*.json") if path.stem.isdigit())

    def _make_room(self, files: list[Path]) -> None:
        sizes = [path.stat().st_size for path in files]
        while len(files) > MAX_FILES or (sum(sizes) > MAX_BYTES and len(files) > 1):
            files.pop(0).unlink(missing_ok=True)
            sizes.pop(0)
            self.dropped += 1


def _number(path: Path) -> int:
    return int(path.stem)


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(file, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(file)
    fsync_folder(path.parent)
