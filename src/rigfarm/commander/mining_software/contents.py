"""A look into a mining program's archive before it is kept: which format it is, and whether the program is in it.

Nothing is unpacked to the disk. What is read is capped, for the file may come from anywhere.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from msgspec import Struct

from rigfarm.commander.mining_software.model import ArchiveFormat
from rigfarm.common.xz import XzFile

__all__ = ["BadArchiveError", "Contents", "look_into"]

MAX_MEMBERS = 20_000
MAX_UNPACKED = 4 << 30
MAX_MEMORY = 128 << 20
"""Bytes that unpacking an xz stream may take: `xz -9` needs half of it."""
MAX_DIRECTORY = 16 << 20
"""Bytes of a zip's central directory, which is read as a whole."""
_ZIP64_LOCATOR = b"PK\6\7"
_ZIP64_LOCATOR_SIZE = 20
_SHOWN = 8
_PIECE = 1 << 20
_MAX_NAME = 64 << 10
_WITHOUT_DATA = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
)


class BadArchiveError(Exception):
    """It is no archive, or the program is not in it; the text says what is."""


class Contents(Struct, frozen=True):
    """What the look found."""

    format: ArchiveFormat


def look_into(path: Path, executable: str) -> Contents:
    """Blocking. BadArchiveError unless it is an archive (or a bare program) that holds a file named `executable`."""
    with path.open("rb") as file:
        kind = _format(file.read(8))
        file.seek(0)
        if kind == "executable":
            return Contents(kind)
        seen: list[str] = []
        try:
            for name in _zip_files(file) if kind == "zip" else _tar_files(file, kind):
                if PurePosixPath(name).name == executable:
                    return Contents(kind)
                seen.append(name)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            lzma.LZMAError,
            zlib.error,
            OSError,
            EOFError,
            ValueError,
        ) as error:
            raise BadArchiveError(f"The file is a damaged {kind} archive: {error}.") from None
    programs = [name for name in seen if "." not in PurePosixPath(name).name] or seen
    names = ", ".join(_plain(name) for name in programs[:_SHOWN]) + (" …" if len(programs) > _SHOWN else "")
    raise BadArchiveError(f"There is no file named {executable} in the archive. It holds: {names or 'nothing'}.")


def _plain(name: str) -> str:
    """A stranger's file name as something that can be shown."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in name)[:80]


def _format(head: bytes) -> ArchiveFormat:
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    if head.startswith(b"\xfd7zXZ\0"):
        return "tar.xz"
    if head.startswith(b"BZh"):
        return "tar.bz2"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x7fELF"):
        return "executable"
    if head.lstrip()[:1] == b"<":
        raise BadArchiveError("The file is a web page, not a program: is this the URL of the file itself?")
    raise BadArchiveError("The file is no tar.gz, tar.xz, tar.bz2 or zip archive and no Linux program.")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Unpacked:
    """A decompressing stream that ends in an error where a bomb would go on."""

    def __init__(self, source: _Readable) -> None:
        self._source = source
        self._left = MAX_UNPACKED

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; fewer only at the end."""
        self._spend(size)
        taken = bytearray()
        while len(taken) < size and (some := self._source.read(size - len(taken))):
            taken += some
        return bytes(taken)

    def skip(self, size: int) -> None:
        """Pass over bytes, a piece at a time."""
        self._spend(size)
        while size > 0:
            piece = len(self._source.read(min(size, _PIECE)))
            if not piece:
                raise EOFError("it ends in the middle of a member")
            size -= piece

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BadArchiveError(f"The archive unpacks to more than {MAX_UNPACKED >> 30} GiB.")


def _opened(file: BinaryIO, kind: ArchiveFormat) -> _Readable:
    if kind == "tar.gz":
        return gzip.GzipFile(fileobj=file)
    return bz2.BZ2File(file) if kind == "tar.bz2" else XzFile(file, MAX_MEMORY)


def _tar_files(file: BinaryIO, kind: ArchiveFormat) -> Iterator[str]:
    """Header by header: the library's own reader would take a name of any length into memory."""
    stream = _Unpacked(_opened(file, kind))
    long_name: str | None = None
    for _ in range(MAX_MEMBERS):
        block = stream.read(tarfile.BLOCKSIZE)
        if not block.strip(b"\0"):
            return
        header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
        padded = -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE if header.size >= 0 else -1
        if padded < 0:
            raise BadArchiveError("The file is a damaged tar archive: a member has a negative size.")
        if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
            if padded > _MAX_NAME:
                raise BadArchiveError("The archive has a member with an endless name.")
            long_name = _long_name(header.type, stream.read(padded)[: header.size]) or long_name
            continue
        if header.type not in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
            if header.isreg():
                yield long_name or header.name
            long_name = None
        _skip_map(stream, header.type, block)
        stream.skip(0 if header.type in _WITHOUT_DATA else padded)
    raise BadArchiveError(f"The archive has more than {MAX_MEMBERS:,} members.")


def _skip_map(stream: _Unpacked, kind: bytes, block: bytes) -> None:
    """The old GNU way of sparse files: more headers follow while a flag says so."""
    more = kind == tarfile.GNUTYPE_SPARSE and len(block) > 482 and block[482]
    while more:
        block = stream.read(tarfile.BLOCKSIZE)
        more = len(block) > 504 and block[504]


def _long_name(kind: bytes, body: bytes) -> str | None:
    if kind == tarfile.GNUTYPE_LONGNAME:
        return body.rstrip(b"\0").decode("utf-8", "replace")
    found = re.search(rb"(?:^|\n)\d+ path=([^\n]*)\n", body)
    return None if found is None else found[1].decode("utf-8", "replace")


def _zip_files(file: BinaryIO) -> Iterator[str]:
    _check_directory(file)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield member.filename


def _check_directory(file: BinaryIO) -> None:
    """How large the central directory says it is, before anything reads it."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(end - 65_557 - _ZIP64_LOCATOR_SIZE, 0))
    tail = file.read()
    file.seek(0)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) < found + 22:
        raise BadArchiveError("The file is a damaged zip archive: it has no directory.")
    if _ZIP64_LOCATOR in tail[max(found - _ZIP64_LOCATOR_SIZE, 0) : found]:
        # What it says of the directory would count instead of what follows.
        raise BadArchiveError("The zip archive is in the format for more than 4 GiB, which no mining program needs.")
    members, size = struct.unpack_from("<HI", tail, found + 10)
    if members > MAX_MEMBERS or size > MAX_DIRECTORY:
        raise BadArchiveError("The zip archive has too many members.")
