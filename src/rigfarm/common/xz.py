"""An xz stream from outside: `lzma.LZMAFile` has no way to say how much memory a stream may ask for; this has."""

from __future__ import annotations

import io
import lzma
from typing import BinaryIO

__all__ = ["XzFile"]


class XzFile(io.RawIOBase):
    """Reads at most what is asked for. lzma.LZMAError for a stream that asks for more than `memory_bytes`."""

    def __init__(self, file: BinaryIO, memory_bytes: int) -> None:
        super().__init__()
        self._file = file
        self._memory = memory_bytes
        self._inner = self._new()

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes; none only at the end. EOFError when that comes too early."""
        while True:
            if self._inner.eof and not self._next_stream():
                return b""
            feed = self._file.read(64 << 10) if self._inner.needs_input else b""
            if self._inner.needs_input and not feed:
                raise EOFError("it ends in the middle")
            if out := self._inner.decompress(feed, size):
                return out

    def _next_stream(self) -> bool:
        """Whether another stream follows in the same file; padding of zeros between them is legal."""
        rest = (self._inner.unused_data or self._file.read(64 << 10)).lstrip(b"\0")
        if not rest:
            return False
        self._file.seek(-len(rest), io.SEEK_CUR)
        self._inner = self._new()
        return True

    def _new(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=self._memory)
