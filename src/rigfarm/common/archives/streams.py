"""What is inside the compression, counted byte by byte: at no time is more than a chunk of it in memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from typing import BinaryIO, Protocol

from rigfarm.common.archives.limits import Meter, UnpackError
from rigfarm.common.archives.member import CHUNK
from rigfarm.common.xz import XzFile

__all__ = ["Stream", "decompressed"]

_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Stream:
    """Reads exactly what is asked for, and counts it."""

    def __init__(self, source: _Readable, meter: Meter) -> None:
        self._source = source
        self._meter = meter

    def take(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end of the stream. `size` is at most CHUNK: no header may ask for more."""
        if not 0 <= size <= CHUNK:
            raise UnpackError("the archive has a header of an absurd size")
        taken = bytearray()
        while len(taken) < size:
            try:
                some = self._source.read(size - len(taken))
            except _BROKEN as error:
                raise UnpackError(f"the archive is damaged: {error}") from None
            if not some:
                break
            taken += some
        self._meter.bytes(len(taken))
        return bytes(taken)


def decompressed(file: BinaryIO, format: str, meter: Meter) -> Stream:
    """The stream inside `tar.gz`, `tar.xz` or `tar.bz2`."""
    if format == "tar.gz":
        return Stream(gzip.GzipFile(fileobj=file, mode="rb"), meter)
    if format == "tar.bz2":
        return Stream(bz2.BZ2File(file, "rb"), meter)
    return Stream(XzFile(file, meter.limits.memory_bytes), meter)
