"""Zip files: `zipfile` does the reading, after a look at what it would take into memory."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from rigfarm.common.archives.limits import Meter, UnpackError
from rigfarm.common.archives.member import CHUNK, Member
from rigfarm.common.archives.names import link_target

__all__ = ["members"]

_END = struct.Struct("<4s4H2LH")
"""End of central directory record: PKWARE's APPNOTE 4.3.16."""
_END_MARK = b"PK\5\6"
_ZIP64_LOCATOR = b"PK\6\7"
_ZIP64_LOCATOR_SIZE = 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error)


def members(file: BinaryIO, meter: Meter) -> Iterator[Member]:
    """The members in their order. Raises UnpackError for whatever is damaged or not allowed."""
    _check_directory(file, meter)
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                meter.member()
                yield _member(archive, info, meter)
    except _BROKEN as error:
        raise UnpackError(f"the archive is damaged: {error}") from None


def _check_directory(file: BinaryIO, meter: Meter) -> None:
    """zipfile builds an object per member before we see the first; so the directory's size is looked at first."""
    size = file.seek(0, os.SEEK_END)
    tail_at = file.seek(max(0, size - _END.size - 0xFFFF - _ZIP64_LOCATOR_SIZE))
    tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or at + _END.size > len(tail):
        raise UnpackError("the file is not a zip archive")
    if _ZIP64_LOCATOR in tail[max(0, at - _ZIP64_LOCATOR_SIZE) : at]:
        raise UnpackError("the archive is in the zip64 format for files over 4 GiB, which no mining program needs")
    _, _, _, _, count, directory_bytes, _, _ = _END.unpack_from(tail, at)
    if count > meter.limits.members:
        raise UnpackError(f"the archive has more than {meter.limits.members:,} members")
    if directory_bytes > min(meter.limits.directory_bytes, tail_at + at):
        raise UnpackError("the archive has a directory of an absurd size")
    file.seek(0)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Member:
    if "\0" in info.orig_filename:
        raise UnpackError(f"the archive has a name with control characters: {info.orig_filename!r}")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise UnpackError(
            f"the archive contains a device or pipe: {info.filename!r}; only files and folders are unpacked"
        )
    if info.flag_bits & 0x1:
        raise UnpackError("the archive is encrypted")
    if info.compress_type not in _METHODS:
        raise UnpackError(f"the archive is compressed by method {info.compress_type}; pack it with deflate")
    meter.declared(info.filename, info.file_size)
    if stat.S_ISLNK(mode):
        target = _target(archive, info, meter)
        return Member(info.filename, is_folder=False, executable=False, content=iter(()), link=target)
    is_folder = info.is_dir() or stat.S_ISDIR(mode)
    return Member(
        info.filename, is_folder, bool(mode & 0o111), iter(()) if is_folder else _content(archive, info, meter)
    )


def _target(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> str:
    """A symbolic link's content is where it points to."""
    if info.file_size > meter.limits.path_bytes:
        raise UnpackError(f"the archive has a link to a path longer than {meter.limits.path_bytes} bytes")
    try:
        return link_target(info.filename, b"".join(_content(archive, info, meter)).decode())
    except UnicodeDecodeError:
        raise UnpackError(f"the archive has a link to a name that is not UTF-8: {info.filename!r}") from None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, meter: Meter) -> Iterator[bytes]:
    try:
        with archive.open(info) as content:
            while chunk := content.read(CHUNK):
                meter.bytes(len(chunk))
                yield chunk
    except _BROKEN as error:
        raise UnpackError(f"the archive is damaged: {error}") from None
