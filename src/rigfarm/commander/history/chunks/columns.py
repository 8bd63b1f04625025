"""Tables of whole numbers as compressed columns: the first number, then differences in the narrowest width that holds
them, their bytes sorted by place so that zstd sees long runs.

body    zstd of msgpack [rows, keys, first numbers, differences]; a column that never changes has no differences
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import sub
from sys import byteorder
from typing import Literal

import msgspec
import zstandard

__all__ = ["Columns", "DamagedError", "Key", "pack"]

Key = tuple[str, str, str]
"""What a column is of, for example ("coin", "XMR", "mean") or ("gpu0", "core_c", "max")."""

_LEVEL = 9
_USUAL = {
    "": [(what, stat) for what in ("chip_c", "core_c", "fan_percent", "memory_c") for stat in ("max", "mean")]
    + [("power_w", "mean")],
    ":rate": [("BTC", stat) for stat in ("max", "mean", "min")],
}
_DEVICES = [f"gpu{n}" for n in range(8)] + [f"hashboard{n}" for n in range(4)] + ["cpu0"]
_OFTEN: list[Key] = [
    *((f"{device}{rate}", what, stat) for device in _DEVICES for rate in ("", ":rate") for what, stat in _USUAL[rate]),
    *((scope, "BTC", stat) for scope in ("coin", "watts") for stat in ("max", "mean", "min", "ms", "accepted")),
    *(("state", state, "ms") for state in ("degraded", "idle", "online", "stopped")),
    *(("", "power_w", stat) for stat in ("max", "mean", "min", "ms")),
]
_DICTIONARY = zstandard.ZstdCompressionDict(
    msgspec.msgpack.encode(sorted(_OFTEN)), dict_type=zstandard.DICT_TYPE_RAWCONTENT
)
"""What zstd knows beforehand: keys that most tables have. What is stored can be read with the very same only."""
_MAX_BODY = 64 << 20
_WIDTHS = ((1 << 8, "B"), (1 << 16, "H"), (1 << 32, "I"), (1 << 64, "Q"))
_CODES: Mapping[int, Literal["h", "i", "q"]] = {2: "h", 4: "i", 8: "q"}


_RISES = bytes(0 if one & 1 else one >> 1 for one in range(256))
_FALLS = bytes((one >> 1) + 1 if one & 1 else 0 for one in range(256))
"""What the last byte of a difference means, and a difference of one byte."""
_SIGNED = bytes(((one >> 1) ^ -(one & 1)) & 0xFF for one in range(256))
"""A difference of one byte, as a signed byte."""
_IS_FALL = bytes(0xFF if one & 1 else 0 for one in range(256))


@lru_cache(maxsize=256)
def _ones(width: int, count: int) -> int:
    """A 1 in each of so many numbers of this width."""
    return int.from_bytes((1).to_bytes(width, byteorder) * count, byteorder)


def _signed(packed: tuple[bytearray, int]) -> memoryview:
    """What packed differences mean, (one >> 1) ^ -(one & 1), of all of them at once."""
    data, width = packed
    ones = _ones(width, len(data) // width)
    every = int.from_bytes(data, byteorder)
    halves = (every >> 1) & (ones * ((1 << (8 * width - 1)) - 1))
    signs = (every & ones) * ((1 << (8 * width)) - 1)
    return memoryview((halves ^ signs).to_bytes(len(data), byteorder)).cast(_CODES[width])


class DamagedError(ValueError):
    """Bytes that are not those that were written."""


class _Body(msgspec.Struct, array_like=True):
    rows: int
    keys: msgspec.Raw
    firsts: list[int]
    data: list[bytes]


_body = msgspec.msgpack.Decoder(_Body)
_keys = msgspec.msgpack.Decoder(list[Key])


@lru_cache(maxsize=256)
def _places(keys: bytes) -> dict[Key, int]:
    """Where the column of each key is. Most tables of a farm have the keys of another one."""
    return {key: n for n, key in enumerate(_keys.decode(keys))}


def pack(rows: int, columns: Mapping[Key, Sequence[int]]) -> bytes:
    """Columns of `rows` numbers each, at least one, as bytes. Numbers fit in 62 bits. The same columns give the same
    bytes, in whatever order they come."""
    keys = sorted(columns)
    firsts = [columns[key][0] for key in keys]
    data = [_differences(columns[key]) for key in keys]
    raw = msgspec.msgpack.encode(_Body(rows, msgspec.Raw(msgspec.msgpack.encode(keys)), firsts, data))
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=_DICTIONARY, write_checksum=True).compress(raw)


def _differences(column: Sequence[int]) -> bytes:
    found = list(map(sub, column[1:], column[:-1]))
    if not any(found):
        return b""
    found = [(one << 1) ^ (one >> 63) for one in found]
    most = max(found)
    letter = next(letter for limit, letter in _WIDTHS if most < limit)
    packed = array(letter, found)
    raw, width = packed.tobytes(), packed.itemsize
    return raw if width == 1 else b"".join([raw[place::width] for place in range(width)])


_local = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    """Of this thread: to make one takes as long as to use it."""
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor(dict_data=_DICTIONARY)
    return found


class Columns:
    """A table read back; DamagedError. Columns are decoded one by one, on demand."""

    __slots__ = ("_at", "_body")

    def __init__(self, packed: bytes) -> None:
        try:
            raw = _decompressor().decompress(packed, max_output_size=_MAX_BODY)
            self._body = _body.decode(raw)
            self._at = _places(bytes(self._body.keys))
        except (zstandard.ZstdError, msgspec.DecodeError, ValueError, MemoryError) as error:
            raise DamagedError(str(error)) from None

    @property
    def rows(self) -> int:
        """Numbers of each column."""
        return self._body.rows

    @property
    def keys(self) -> Collection[Key]:
        """Of all columns."""
        return self._at.keys()

    def get(self, key: Key) -> list[int] | None:
        """A column; None where there is none of this key."""
        at = self._at.get(key)
        if at is None:
            return None
        first, data, rows = self._body.firsts[at], self._body.data[at], self._body.rows
        if not data:
            return [first] * rows
        if len(data) == rows - 1:
            return list(accumulate(memoryview(data.translate(_SIGNED)).cast("b"), initial=first))
        return list(accumulate(_signed(self._stored(data)), initial=first))

    def row(self, number: int, keys: Iterable[Key] | None = None) -> dict[Key, int]:
        """One number of each column, or of those of these keys that there are: without decoding what comes after it."""
        firsts, places = self._body.firsts, self._at
        wanted = places.items() if keys is None else [(key, places[key]) for key in keys if key in places]
        return {key: firsts[at] + self._change(at, number) for key, at in wanted}

    def _change(self, at: int, number: int) -> int:
        """By how much a column's number differs from its first."""
        data, count = self._body.data[at], self._body.rows - 1
        if not data or not number:
            return 0
        # What rises and what falls, summed without a loop: first the last bytes, then what stands before them.
        last = data[:number]
        change = sum(last.translate(_RISES)) - sum(last.translate(_FALLS))
        falls = None
        for place in range(1, len(data) // count):
            more = data[place * count : place * count + number]
            if not (all_of_it := sum(more)):
                continue
            if falls is None:
                falls = int.from_bytes(last.translate(_IS_FALL))
            falling = sum((int.from_bytes(more) & falls).to_bytes(number))
            change += (all_of_it - 2 * falling) << (8 * place - 1)
        return change

    def _stored(self, data: bytes) -> tuple[bytearray, int]:
        """Differences of more than a byte, as they are packed, and how wide each is."""
        count = self._body.rows - 1
        width = len(data) // count
        joined = bytearray(len(data))
        for place in range(width):
            joined[place::width] = data[place * count : (place + 1) * count]
        return joined, width

    def all(self) -> dict[Key, list[int]]:
        """Every column."""
        return {key: column for key in self._at if (column := self.get(key)) is not None}
