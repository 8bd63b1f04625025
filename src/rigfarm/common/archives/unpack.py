"""An archive into a folder of its own, whole or not at all; or nowhere, to know whether that would work."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from rigfarm.common.archives import tar, zip
from rigfarm.common.archives.limits import Limits, Meter, UnpackError
from rigfarm.common.archives.member import CHUNK, Member
from rigfarm.common.archives.names import Names
from rigfarm.common.archives.streams import decompressed
from rigfarm.common.archives.tree import Tree

__all__ = ["FORMATS", "examine", "find_executable", "format_of", "unpack"]

FORMATS = ("tar.gz", "tar.xz", "tar.bz2", "zip", "executable")
_DEFAULT = Limits()
_HEADS = {
    b"\x1f\x8b": "tar.gz",
    b"\xfd7zXZ\0": "tar.xz",
    b"BZh": "tar.bz2",
    b"PK\x03\x04": "zip",
    b"\x7fELF": "executable",
}


class _Target(Protocol):
    """Where members go: a `Tree`, or nowhere."""

    def folder(self, parts: tuple[str, ...], /) -> None: ...
    def file(self, parts: tuple[str, ...], content: Iterable[bytes], /, *, executable: bool) -> None: ...
    def copy(self, source: tuple[str, ...], parts: tuple[str, ...], /) -> None: ...


class _Nowhere:
    """Reads all and writes nothing."""

    def folder(self, parts: tuple[str, ...], /) -> None:
        """Nothing to make."""

    def file(self, parts: tuple[str, ...], content: Iterable[bytes], /, *, executable: bool) -> None:
        for _ in content:
            pass

    def copy(self, source: tuple[str, ...], parts: tuple[str, ...], /) -> None:
        """Nothing to copy."""


def format_of(head: bytes) -> str | None:
    """The format of a file that begins with these bytes (8 are enough); None if it is none of FORMATS."""
    return next((format for mark, format in _HEADS.items() if head.startswith(mark)), None)


def examine(archive: BinaryIO, format: str, executable: str, *, limits: Limits = _DEFAULT) -> str:
    """All that `unpack` does and decides, without writing anything: the executable's path inside the archive.

    Raises UnpackError exactly where `unpack` would.
    """
    return "/".join(_into(_Nowhere(), archive, format, executable, limits, lambda: False))


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
    with Tree(into) as tree:
        try:
            found = _into(tree, archive, format, executable, limits, aborted)
            tree.make_executable(found)
        except BaseException:
            shutil.rmtree(into)
            raise
    return "/".join(found)


def _into(
    target: _Target, archive: BinaryIO, format: str, executable: str, limits: Limits, aborted: Callable[[], bool]
) -> tuple[str, ...]:
    if format not in FORMATS:
        raise UnpackError(f"unknown archive format {format!r}")
    size = archive.seek(0, 2)
    archive.seek(0)
    meter = Meter(limits, size, aborted)
    return find_executable(_fill(target, _members(archive, format, executable, meter), meter), executable)


def find_executable(files: list[tuple[str, ...]], executable: str) -> tuple[str, ...]:
    """The file of that name, the one in the fewest folders. Raises UnpackError if there is none, or no single one."""
    found = sorted((parts for parts in files if parts[-1] == executable), key=len)
    if not found:
        names = ", ".join(sorted({parts[-1] for parts in files})[:10])
        raise UnpackError(f"the archive has no file named {executable!r}; it has: {names or 'nothing'}")
    if len(found) > 1 and len(found[0]) == len(found[1]):
        raise UnpackError(f"the archive has {executable!r} in two folders: {'/'.join(found[0])}, {'/'.join(found[1])}")
    return found[0]


def _fill(target: _Target, members: Iterator[Member], meter: Meter) -> list[tuple[str, ...]]:
    names = Names(meter.limits)
    files: dict[tuple[str, ...], int] = {}
    links: dict[tuple[str, ...], tuple[str, ...]] = {}
    for member in members:
        parts = names.admit(member.name, is_folder=member.is_folder)
        if member.is_folder:
            target.folder(parts)
        elif member.link is not None:
            links[parts] = names.parts(member.link)
            if len(links) > meter.limits.links:
                raise UnpackError(f"the archive has more than {meter.limits.links:,} links")
        else:
            before = meter.unpacked
            target.file(parts, member.content, executable=member.executable)
            files[parts] = meter.unpacked - before
    for parts, first in links.items():
        meant = _meant(first, files, links, meter.limits, "/".join(parts))
        meter.bytes(files[meant])
        target.copy(meant, parts)
    return [*files, *links]


def _meant(
    parts: tuple[str, ...],
    files: Mapping[tuple[str, ...], int],
    links: Mapping[tuple[str, ...], tuple[str, ...]],
    limits: Limits,
    name: str,
) -> tuple[str, ...]:
    """The file that a link means, over other links."""
    for _ in range(limits.link_steps):
        if parts in files:
            return parts
        if parts not in links:
            raise UnpackError(f"the archive has a link to what is not a file of it: {name!r}")
        parts = links[parts]
    raise UnpackError(f"the archive has a link that leads to no end: {name!r}")


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
