"""A disk that loses power: a VFS for SQLite that remembers what was written to each file since its last sync.

After `lose()` a file holds what it held at its last sync, plus any subset of what was written since: a drive may have
written any of it. (`kill -9` cannot show this: the page cache outlives a process.)
"""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

import apsw

__all__ = ["ApswConnection", "Disk", "PowerLossError"]


class PowerLossError(Exception):
    """The power is gone; nothing works any more."""


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.synced = path.read_bytes() if path.exists() else b""
        self.since: list[tuple[int, bytes] | int] = []

    def after_loss(self, chance: random.Random, everything_lost: bool) -> bytes:
        image = bytearray(self.synced)
        for change in self.since:
            if everything_lost or chance.random() < 0.5:
                continue
            if isinstance(change, int):
                del image[change:]
                continue
            offset, data = change
            if len(image) < offset:
                image += bytes(offset - len(image))
            image[offset : offset + len(data)] = data
        return bytes(image)


class Disk(apsw.VFS):
    """Every file opened through this VFS is on the disk. It fails at write or sync number `fails_at`."""

    def __init__(self, fails_at: int) -> None:
        self.name = f"powerloss-{uuid.uuid4().hex}"
        self.files: dict[str, _File] = {}
        self.operations = 0
        self.fails_at = fails_at
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _Handle(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.step()
        super().xDelete(filename, syncdir)

    def step(self) -> None:
        self.operations += 1
        if self.operations >= self.fails_at:
            raise PowerLossError

    def lose(self, seed: int) -> None:
        chance = random.Random(seed)
        everything = chance.random() < 0.5
        for file in self.files.values():
            if file.path.exists():
                file.path.write_bytes(file.after_loss(chance, everything))
        for path in {file.path.parent for file in self.files.values()}:
            for memory in path.glob("*-shm"):
                memory.unlink()
        self.unregister()


class _Handle(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._file = disk.files.setdefault(path, _File(Path(path)))

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.step()
        self._file.since.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.step()
        self._file.since.append(size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._disk.step()
        super().xSync(flags)
        self._file.synced = self._file.path.read_bytes()
        self._file.since.clear()


class ApswConnection:
    """As much of `sqlite3.Connection` as the journal uses, on APSW, which can take a VFS."""

    def __init__(self, path: Path, vfs: str, synchronous: str) -> None:
        self._db = apsw.Connection(str(path), vfs=vfs)
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "wal_autocheckpoint=20"):
            self.execute(f"PRAGMA {pragma}")

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        cursor = self._db.cursor()
        cursor.execute(sql, values)
        return _Cursor(cursor, self._db.last_insert_rowid())

    def executescript(self, sql: str) -> None:
        self._db.execute(sql)

    @property
    def in_transaction(self) -> bool:
        return not self._db.get_autocommit()

    def abandon(self) -> None:
        """The process is gone with the power; what closing writes no longer reaches the disk."""
        self._db.close(True)


class _Cursor:
    def __init__(self, cursor: apsw.Cursor, lastrowid: int) -> None:
        self._cursor = cursor
        self.lastrowid = lastrowid

    def fetchone(self) -> Any:
        return next(self._cursor, None)

    def __iter__(self) -> Any:
        return iter(self._cursor)
