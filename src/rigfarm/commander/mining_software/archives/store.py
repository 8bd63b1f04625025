"""The Commander's store of mining programs' files: `DATA/archives/SHA256`. A file gets its name only when it is whole
and durable, so whatever bears a hash for a name is that file."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.mining_software.archives.turns import Turns
from rigfarm.commander.outbound.download import FetchError
from rigfarm.commander.server.downloads import Downloads
from rigfarm.common.fsync import fsync_folder

__all__ = ["ArchiveStore", "Received"]

MAX_DOWNLOADS = 1_000
"""Rigs that may fetch at once; one more is asked to come back."""
MAX_DOWNLOADS_PER_RIG = 4

_NAME = re.compile(r"[0-9a-f]{64}")
_AT_ONCE = 1 << 20
_PART = ".part"
PIECES_A_TURN = 8
"""For all rigs that fetch: what else the event loop has to do waits no longer than that."""


class Received(Struct, frozen=True):
    """A whole file that has no name yet."""

    path: Path
    sha256: str
    size: int


class ArchiveStore:
    """One folder. Writing happens in threads, in pieces of a megabyte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads = Downloads(MAX_DOWNLOADS, MAX_DOWNLOADS_PER_RIG)
        self.turns = Turns(PIECES_A_TURN)

    def prepare(self) -> None:
        """Make the folder, and remove what an earlier process left half-done. Blocking; once, before serving."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.folder.glob(f"*{_PART}"):
            left.unlink()

    def path(self, sha256: str) -> Path | None:
        """Where the file is; None when it is not here, or the text is no hash."""
        if not _NAME.fullmatch(sha256):
            return None
        path = self.folder / sha256
        return path if path.is_file() else None

    def has(self, sha256: str) -> bool:
        """Whether the file is here."""
        return self.path(sha256) is not None

    async def receive(
        self, chunks: AsyncIterator[bytes], limit: int, progress: Callable[[int], None] = lambda _: None
    ) -> Received:
        """Write a body to a file without a name. FetchError when it is empty, too large or the disk is full."""
        incoming = await asyncio.to_thread(_Incoming, self.folder)
        try:
            buffer = bytearray()
            async for chunk in chunks:
                buffer += chunk
                if incoming.size + len(buffer) > limit:
                    raise FetchError(f"The file has more than the {units.count(limit)} bytes that are allowed.")
                if len(buffer) >= _AT_ONCE:
                    piece, buffer = buffer, bytearray()
                    await asyncio.to_thread(incoming.write, piece)
                    progress(incoming.size)
            await asyncio.to_thread(incoming.write, buffer)
            if not incoming.size:
                raise FetchError("The file is empty.")
            return await asyncio.to_thread(incoming.finish)
        except OSError as error:
            await asyncio.to_thread(incoming.discard)
            raise FetchError(_disk(error, self.folder)) from None
        except BaseException:
            await asyncio.to_thread(incoming.discard)
            raise

    async def keep(self, received: Received) -> None:
        """Give a file its name, durably."""
        await asyncio.to_thread(self._rename, received)

    async def discard(self, received: Received) -> None:
        """Throw a file away that shall not be kept."""
        await asyncio.to_thread(received.path.unlink, missing_ok=True)

    def sweep(self, wanted: set[str]) -> list[str]:
        """Remove files without a reference; returns their hashes. Blocking."""
        gone = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name) and path.name not in wanted]
        for path in gone:
            path.unlink()
        return [path.name for path in gone]

    def _rename(self, received: Received) -> None:
        os.replace(received.path, self.folder / received.sha256)
        fsync_folder(self.folder)


class _Incoming:
    """A file that grows. All methods block."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._path = folder / (secrets.token_hex(16) + _PART)
        self._hash = hashlib.sha256()
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb", 0)

    def write(self, piece: bytearray) -> None:
        self._hash.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) or 0 :]
        self.size += len(piece)

    def finish(self) -> Received:
        os.fsync(self._file.fileno())
        self._file.close()
        return Received(self._path, self._hash.hexdigest(), self.size)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _disk(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {folder} is full: free some space and try again."
    return f"{folder} cannot be written: {error.strerror or error}."
