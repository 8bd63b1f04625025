"""An archive into a folder of its own, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from rigfarm.sentry.playbooks.archives import tar, zip
from rigfarm.sentry.playbooks.archives.limits import Limits, Meter, UnpackError
from rigfarm.sentry.playbooks.archives.member import CHUNK, Member
from rigfarm.sentry.playbooks.archives.names import Names
from rigfarm.sentry.playbooks.archives.streams import decompressed
from rigfarm.sentry.playbooks.archives.tree import Tree

__all__ = ["FORMATS", "find_executable", "unpack"]

FORMATS = ("tar.gz", "tar.xz", "tar.bz2", "zip", "executable")
_DEFAULT = Limits()


def unpack(
    archive: BinaryIO,
    format: str,
    executable: str,
    into: Path,
    *,
    limits: Limits = _DEFAULT,
    aborted: Callable[[], bool] = lambda: False,
) -> str:
    """Unpack `archive`, open and at its start, into the new folder `into`; set the run bits of its executable.

    Returns the executable's path inside the folder. Raises UnpackError for an archive that is refused, AbortedError
    when `aborted()` says so, OSError for the disk; in each case `into` is gone again.
    """
    if format not in FORMATS:
        raise UnpackError(f"unknown archive format {format!r}")
    size = archive.seek(0, 2)
    archive.seek(0)
    meter = Meter(limits, size, aborted)
    with Tree(into) as tree:
        try:
            files = _fill(tree, _members(archive, format, executable, meter), limits)
            found = find_executable(files, executable)
            tree.make_executable(found)
        except BaseException:
            shutil.rmtree(into)
            raise
    return "/".join(found)


def find_executable(files: list[tuple[str, ...]], executable: str) -> tuple[str, ...]:
    """The file of that name, the one in the fewest folders. Raises UnpackError if there is none, or no single one."""
    found = sorted((parts for parts in files if parts[-1] == executable), key=len)
    if not found:
        names = ", ".join(sorted({parts[-1] for parts in files})[:10])
        raise UnpackError(f"the archive has no file named {executable!r}; it has: {names or 'nothing'}")
    if len(found) > 1 and len(found[0]) == len(found[1]):
        raise UnpackError(f"the archive has {executable!r} in two folders: {'/'.join(found[0])}, {'/'.join(found[1])}")
    return found[0]


def _fill(tree: Tree, members: Iterator[Member], limits: Limits) -> list[tuple[str, ...]]:
    names = Names(limits)
    files = []
    for member in members:
        parts = names.admit(member.name, is_folder=member.is_folder)
        if member.is_folder:
            tree.folder(parts)
        else:
            tree.file(parts, member.content, executable=member.executable)
            files.append(parts)
    return files


def _members(archive: BinaryIO, format: str, executable: str, meter: Meter) -> Iterator[Member]:
    if format == "zip":
        return zip.members(archive, meter)
    if format == "executable":
        return iter([Member(executable, is_folder=False, executable=True, content=_plain(archive, meter))])
    return tar.members(decompressed(archive, format, meter), meter)


def _plain(archive: BinaryIO, meter: Meter) -> Iterator[bytes]:
    while chunk := archive.read(CHUNK):
        meter.bytes(len(chunk))
        yield chunk
