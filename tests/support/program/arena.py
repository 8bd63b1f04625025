"""Where an archive is unpacked, and everything around it, which must stay as it is. Standard library only."""

from __future__ import annotations

import ctypes
import hashlib
import os
import select
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

__all__ = ["Arena"]

_WRITES = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""inotify: modify, attrib, close after writing, moved from, moved to, create, delete, delete self, move self."""
_IN_NONBLOCK = os.O_NONBLOCK


class Arena:
    """`inside` is where to unpack, not there yet; all around it is compared, `outside/` is watched by inotify too."""

    def __init__(self, folder: Path) -> None:
        self.outside = folder / "outside"
        self.inside = folder / "inside"
        self._folder = folder

    def __enter__(self) -> Arena:
        (self.outside / "below").mkdir(parents=True)
        (self.outside / "precious").write_text("precious\n")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(_IN_NONBLOCK)
        for folder in (self.outside, self.outside / "below", self.outside / "precious"):
            if self._libc.inotify_add_watch(self._inotify, os.fsencode(folder), _WRITES) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self._before = self._look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._inotify)
        shutil.rmtree(self._folder, ignore_errors=True)

    def touched(self) -> list[str]:
        """What happened outside since the start: nothing, one hopes."""
        after = self._look()
        changed = [
            path for path in sorted(self._before.keys() | after.keys()) if self._before.get(path) != after.get(path)
        ]
        if select.select([self._inotify], [], [], 0)[0]:
            changed.append(f"inotify: {len(os.read(self._inotify, 1 << 16))} bytes of events")
        return changed

    def links(self) -> list[str]:
        """What is inside and neither a regular file with one name nor a folder."""
        return [name for name, status in self._inside() if not _is_plain(status)]

    def bytes_inside(self) -> int:
        """On disk."""
        return sum(status.st_size for _, status in self._inside() if stat.S_ISREG(status.st_mode))

    def _inside(self) -> Iterator[tuple[str, os.stat_result]]:
        """By open folders: the paths may be longer than the kernel takes at once."""
        if self.inside.exists():
            for _, folders, files, folder in os.fwalk(self.inside):
                for name in (*folders, *files):
                    yield name, os.stat(name, dir_fd=folder, follow_symlinks=False)

    def _look(self) -> dict[str, object]:
        """Everything in the folder but what is inside."""
        found: dict[str, object] = {}
        for path in self._folder.rglob("*"):
            if self.inside not in (path, *path.parents):
                status = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
                found[str(path)] = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, content)
        return found


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
