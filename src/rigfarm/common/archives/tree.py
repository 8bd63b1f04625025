"""Files written below one folder, and nowhere else: every step is taken from an open folder and follows no link."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Tree"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 256 << 10
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Tree:
    """A folder that is made here and filled with files. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        os.mkdir(path, 0o755)
        self._root = os.open(path, _FOLDER)
        os.fchmod(self._root, 0o755)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def folder(self, parts: tuple[str, ...]) -> None:
        """Make a folder and those above it; one that is there already stays."""
        os.close(self._open(parts))

    def file(self, parts: tuple[str, ...], content: Iterable[bytes], *, executable: bool) -> None:
        """Write one new file, durably. Raises OSError."""
        folder = self._open(parts[:-1])
        try:
            file = os.open(parts[-1], _NEW_FILE, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            for chunk in content:
                _write_all(file, chunk)
            os.fchmod(file, 0o755 if executable else 0o644)
            os.fsync(file)
        finally:
            os.close(file)

    def copy(self, source: tuple[str, ...], parts: tuple[str, ...]) -> None:
        """One new file with the content and run bits of another one of this tree."""
        folder = self._open(source[:-1])
        try:
            original = os.open(source[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        with open(original, "rb") as file:
            executable = bool(os.fstat(original).st_mode & 0o111)
            self.file(parts, iter(lambda: file.read(_CHUNK), b""), executable=executable)

    def make_executable(self, parts: tuple[str, ...]) -> None:
        """Set the run bits of a file of this tree."""
        folder = self._open(parts[:-1])
        try:
            file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            os.fchmod(file, 0o755)
        finally:
            os.close(file)

    def _open(self, parts: tuple[str, ...]) -> int:
        """A descriptor of a folder, which is made if it is not there. The caller closes it."""
        folder = os.dup(self._root)
        for part in parts:
            above = folder
            try:
                folder = _enter(above, part)
            finally:
                os.close(above)
        return folder


def _enter(above: int, name: str) -> int:
    try:
        os.mkdir(name, 0o755, dir_fd=above)
    except FileExistsError:
        return os.open(name, _FOLDER, dir_fd=above)
    folder = os.open(name, _FOLDER, dir_fd=above)
    os.fchmod(folder, 0o755)
    return folder


def _write_all(file: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]
