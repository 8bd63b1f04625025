"""Tables of whole numbers as compressed columns: the first number, then differences in the narrowest width that holds
them, their bytes sorted by place so that zstd sees long runs.

body    zstd of msgpack [rows, keys, first numbers, differences]; a column that never changes has no differences
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


_SIGNED = bytes(((one >> 1) ^ -(one & 1)) & 0xFF for one in range(256))
"""A difference of one byte, as a signed byte."""


@lru_cache(maxsize=256)
def _masks(width: int, count: int) -> tuple[int, int]:
    """Of so many numbers of this width: a 1 in each, and all bits of each but the highest."""
    ones = int.from_bytes((1).to_bytes(width, byteorder) * count, byteorder)
    return ones, ones * ((1 << (8 * width - 1)) - 1)


def _signed(stored: Sequence[bytes], count: int) -> memoryview:
    """What the differences of several columns mean, (one >> 1) ^ -(one & 1), one column after the other: of all of
    them at once. Each column has `count` differences of the same width."""
    width = len(stored[0]) // count
    if width == 1:
        return memoryview(b"".join(stored).translate(_SIGNED)).cast("b")
    data = bytearray(len(stored) * count * width)
    for place in range(width):
        data[place::width] = b"".join([one[place * count : (place + 1) * count] for one in stored])
    ones, low = _masks(width, len(stored) * count)
    every = int.from_bytes(data, byteorder)
    signs = (every & ones) * ((1 << (8 * width)) - 1)
    return memoryview((((every >> 1) & low) ^ signs).to_bytes(len(data), byteorder)).cast(_CODES[width])


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
    return _compressor().compress(raw)


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


def _compressor() -> zstandard.ZstdCompressor:
    """Of this thread, like the next."""
    found: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if found is None:
        found = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_DICTIONARY, write_checksum=True)
        _local.compressor = found
    return found


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
        return self.some([key]).get(key)

    def some(self, keys: Iterable[Key]) -> dict[Key, list[int]]:
        """Those of these columns that there are."""
        firsts, rows = self._body.firsts, self._body.rows
        found = {key: [firsts[at]] * rows for key in keys if (at := self._at.get(key)) is not None}
        for key, at, changes in self._changes(found):
            found[key] = list(accumulate(changes, initial=firsts[at]))
        return found

    def row(self, number: int, keys: Iterable[Key] | None = None) -> dict[Key, int]:
        """One number of each column, or of those of these keys that there are."""
        firsts, places = self._body.firsts, self._at
        wanted = places if keys is None else [key for key in keys if key in places]
        found = {key: firsts[places[key]] for key in wanted}
        for key, _, changes in self._changes(found):
            found[key] += sum(changes[:number])
        return found

    def _changes(self, keys: Iterable[Key]) -> Iterator[tuple[Key, int, memoryview]]:
        """(key, its place, the differences) of those of these columns that change; of one width at a time."""
        data, count = self._body.data, self._body.rows - 1
        of_size: dict[int, list[tuple[Key, int]]] = {}
        for key in keys:
            at = self._at[key]
            if data[at]:
                of_size.setdefault(len(data[at]), []).append((key, at))
        for some in of_size.values():
            changes = _signed([data[at] for _, at in some], count)
            yield from ((key, at, changes[n * count : (n + 1) * count]) for n, (key, at) in enumerate(some))

    def all(self) -> dict[Key, list[int]]:
        """Every column."""
        return self.some(self._at)
