"""One journal row: all logs that arrived in a quarter of a second, as one compressed body.

rigs    u32 little-endian, one rig id per log; uncompressed, so that finding a rig's rows reads nothing else
body    zstd of: u32 count, count x u32 log lengths, u32 length of the marks, marks (msgpack), the logs as they came
marks   [[spool, first, last], ...]: the sequence numbers this row makes durable
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

import msgspec
import zstandard

from rigfarm.wire.codec import FrameError, decode_log
from rigfarm.wire.log import OperationalLog

__all__ = ["DamagedRowError", "EncodedLog", "Marks", "Row", "pack_body", "pack_rigs", "unpack_rigs"]

EncodedLog = msgspec.Raw | bytes
Marks = dict[bytes, list[int]]

_LEVEL = 3
_MAX_BODY = 256 << 20
_marks = msgspec.msgpack.Decoder(Marks)
_SWAP = sys.byteorder == "big"


class DamagedRowError(ValueError):
    """A row that cannot be read: its bytes are not those that were written."""


def _u32(values: list[int]) -> bytes:
    packed = array("I", values)
    if _SWAP:
        packed.byteswap()
    return packed.tobytes()


def _from_u32(data: bytes | memoryview) -> array[int]:
    packed = array("I")
    packed.frombytes(data)
    if _SWAP:
        packed.byteswap()
    return packed


def pack_rigs(rigs: list[int]) -> bytes:
    """Rig ids, one per log."""
    return _u32(rigs)


def unpack_rigs(data: bytes) -> array[int]:
    """Inverse of pack_rigs."""
    return _from_u32(data)


def pack_body(logs: list[EncodedLog], marks: Marks) -> bytes:
    """The compressed body, with a checksum. Compression runs without the interpreter lock."""
    packed_marks = msgspec.msgpack.encode(marks)
    head = _u32([len(logs), *(len(log) for log in logs), len(packed_marks)])
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    return compressor.compress(b"".join([head, packed_marks, *logs]))


class Row:
    """A row read back; DamagedRowError. Logs are decoded one by one, on demand."""

    __slots__ = ("_body", "_start", "lengths", "marks", "rigs")

    def __init__(self, rigs: bytes, body: bytes) -> None:
        try:
            self._read(rigs, body)
        except (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError, IndexError, MemoryError) as error:
            raise DamagedRowError(str(error)) from None
        if len(self.rigs) != len(self.lengths) or self._start + sum(self.lengths) != len(self._body):
            raise DamagedRowError(f"{len(self.rigs)} rigs, {len(self.lengths)} logs, {len(self._body)} bytes")

    def _read(self, rigs: bytes, body: bytes) -> None:
        raw = zstandard.ZstdDecompressor().decompress(body, max_output_size=_MAX_BODY)
        view = memoryview(raw)
        count = int.from_bytes(view[:4], "little")
        head = 4 * (count + 2)
        numbers = _from_u32(view[4:head])
        marks_end = head + numbers[-1]
        self.rigs = unpack_rigs(rigs)
        self.lengths = numbers[:-1]
        self.marks = _marks.decode(view[head:marks_end])
        if any(len(ranges) % 2 for ranges in self.marks.values()):
            raise ValueError("half a range of numbers")
        self._body = view
        self._start = marks_end

    def raw_logs(self, rig: int | None = None) -> Iterator[tuple[int, memoryview]]:
        """(rig id, encoded log) in the order of arrival; of one rig, or of all."""
        offset = self._start
        for owner, length in zip(self.rigs, self.lengths, strict=True):
            if rig is None or owner == rig:
                yield owner, self._body[offset : offset + length]
            offset += length

    def logs(self, rig: int | None = None) -> Iterator[tuple[int, OperationalLog]]:
        """(rig id, log) in the order of arrival. A log that a newer or older version cannot read is left out."""
        for owner, raw in self.raw_logs(rig):
            try:
                yield owner, decode_log(raw)
            except FrameError:
                continue
