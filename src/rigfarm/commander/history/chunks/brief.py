"""Ten minutes of some rigs in brief: of each log only what it adds to the totals. It is what an index of another time
asks of all those rigs that it does not show.

body    zstd of msgpack [entries, unread rigs]; an entry is a rig's logs with the same coins, as columns
column  the least number, a common step, whether some are unknown, then how many steps each number is above the least,
        their bytes sorted by place: any number is found without those before it
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from math import gcd
from operator import itemgetter

import msgspec
import zstandard

from rigfarm.commander.history.chunks.chunk import COUNTED, Chunk, parts_of
from rigfarm.commander.history.chunks.codes import UNKNOWN, values
from rigfarm.commander.history.chunks.columns import DamagedError
from rigfarm.commander.stats.contribution import CoinShare, Contribution, contribution_of, of_one_coin
from rigfarm.wire.log import OperationalLog

__all__ = ["Briefs", "brief_of", "pack_briefs"]

_LEVEL = 9
_MAX_BODY = 256 << 20
_LARGEST = (1 << 63) - 1
_LETTERS = (("B", 1), ("H", 2), ("I", 4), ("Q", 8))
_ACCEPTED, _REJECTED = (2 + COUNTED.index(name) for name in ("accepted", "rejected"))
_POWER_AND_RATE = (-1, -2)
"""Columns of a chunk's part with one workload."""
_Numbers = Sequence[int | None]


class _Column(msgspec.Struct, array_like=True, gc=False):
    base: int
    step: int
    some_unknown: bool
    data: bytes


class _Coin(msgspec.Struct, array_like=True, gc=False):
    """mH/s, mW and shares that a rig adds to a coin; `milliwatts` is None where they are all that the rig takes."""

    name: str
    millihashes: _Column
    milliwatts: _Column | None
    accepted: _Column
    rejected: _Column


class _Entry(msgspec.Struct, array_like=True, gc=False):
    rig: int
    count: int
    times: _Column
    milliwatts: _Column
    coins: tuple[_Coin, ...]


class _Body(msgspec.Struct, array_like=True):
    entries: list[_Entry]
    unread: list[int]


_body = msgspec.msgpack.Decoder(_Body)
Brief = list[tuple[int, Contribution]]
"""What a rig's logs add to the totals: (UTC ms, how much), in any order."""


def brief_of(data: bytes) -> Brief:
    """Of a packed chunk; DamagedError."""
    parts = list(parts_of(data))
    if all(len(form.workloads) == 1 for form, _, _ in parts):
        return [one for part in parts for one in _of_one_workload(*part)]
    return [(log.t, contribution_of(log)) for log in Chunk.unpack(data).logs()]


def _of_one_workload(
    form: OperationalLog, times: list[int], some: Callable[[Sequence[int]], list[list[int]]]
) -> Iterator[tuple[int, Contribution]]:
    """Without making the logs."""
    workload = form.workloads[0]
    coin = workload.coin or workload.algorithm or "?"
    accepted, rejected, power, rate = some((_ACCEPTED, _REJECTED, *_POWER_AND_RATE))
    for t, *numbers in zip(times, values(rate), values(power), _known(accepted), _known(rejected), strict=True):
        yield t, of_one_coin(coin, *numbers)  # type: ignore[arg-type]


def _known(column: Iterable[int]) -> Iterator[int | None]:
    return (None if number == UNKNOWN else number for number in column)


def pack_briefs(briefs: Mapping[int, Brief], unread: Collection[int]) -> bytes:
    """Of rigs by id, as bytes; those of `unread` rigs could not be made."""
    left_out = set(unread)
    entries: list[_Entry] = []
    for rig, brief in sorted(briefs.items()):
        made = list(_entries(rig, brief))
        if all(0 <= one.base <= _LARGEST and one.step <= _LARGEST for entry in made for one in _columns(entry)):
            entries += made
        else:
            left_out.add(rig)
    raw = msgspec.msgpack.encode(_Body(entries, sorted(left_out)))
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(raw)


def _columns(entry: _Entry) -> Iterator[_Column]:
    yield entry.times
    yield entry.milliwatts
    for coin in entry.coins:
        yield from filter(None, (coin.millihashes, coin.milliwatts, coin.accepted, coin.rejected))


def _entries(rig: int, brief: Brief) -> Iterator[_Entry]:
    by_coins: dict[tuple[str, ...], Brief] = {}
    for t, one in sorted(brief, key=itemgetter(0)):
        by_coins.setdefault(tuple(share.coin for share in one.coins), []).append((t, one))
    for names, some in by_coins.items():
        power = [one.milliwatts for _, one in some]
        coins = []
        for n, name in enumerate(names):
            shares = [one.coins[n] for _, one in some]
            own = [share.milliwatts for share in shares]
            coins.append(
                _Coin(
                    name,
                    _packed([share.millihashes for share in shares]),
                    None if own == power else _packed(own),
                    _packed([share.accepted for share in shares]),
                    _packed([share.rejected for share in shares]),
                )
            )
        yield _Entry(rig, len(some), _packed([t for t, _ in some]), _packed(power), tuple(coins))


def _packed(numbers: _Numbers) -> _Column:
    known = [one for one in numbers if one is not None]
    base = min(known, default=0)
    step = gcd(*(one - base for one in known)) or 1
    some_unknown = len(known) < len(numbers)
    steps = [0 if one is None else (one - base) // step + some_unknown for one in numbers]
    width = (max(steps).bit_length() + 7) // 8
    letter, size = next((letter, size) for letter, size in _LETTERS if width <= size)
    raw = array(letter, steps).tobytes()
    return _Column(base, step, some_unknown, b"".join(raw[place::size] for place in range(width)))


def _number(column: _Column, at: int, count: int) -> int | None:
    data = column.data
    steps = int.from_bytes(data[at::count], "little") if data else 0
    if column.some_unknown:
        if not steps:
            return None
        steps -= 1
    return column.base + column.step * steps


def _last(times: _Column, count: int, t_ms: int) -> int:
    """Where the last time is that is not later; -1 where there is none."""
    if t_ms < times.base:
        return -1
    steps, data = (t_ms - times.base) // times.step, times.data
    places = len(data) // count
    if steps >> (8 * places):
        return count - 1
    first, end = 0, count
    for place in range(places - 1, -1, -1):  # among those that are the same so far, the next byte is in order, too
        byte, begin = steps >> (8 * place) & 0xFF, place * count
        low = bisect_left(data, byte, begin + first, begin + end)
        end = bisect_right(data, byte, low, begin + end) - begin
        first = low - begin
        if first == end:
            break
    return end - 1


class Briefs:
    """What was packed, read back; DamagedError."""

    def __init__(self, data: bytes) -> None:
        try:
            self._body = _body.decode(zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_BODY))
        except (zstandard.ZstdError, msgspec.DecodeError, MemoryError) as error:
            raise DamagedError(str(error)) from None

    @property
    def unread(self) -> list[int]:
        """Rigs that may have logs of which nothing is known here."""
        return self._body.unread

    def at(self, t_ms: int) -> dict[int, tuple[int, Contribution]]:
        """The last log of each rig that is not later: when it was, and what it added."""
        found: dict[int, tuple[int, Contribution]] = {}
        for entry in self._body.entries:
            row = _last(entry.times, entry.count, t_ms)
            if row >= 0:
                t = _number(entry.times, row, entry.count) or 0
                known = found.get(entry.rig)
                if known is None or t > known[0]:
                    found[entry.rig] = (t, _contribution(entry, row))
        return found


def _contribution(entry: _Entry, row: int) -> Contribution:
    count, power = entry.count, _number(entry.milliwatts, row, entry.count)
    coins = [
        CoinShare(
            coin.name,
            _number(coin.millihashes, row, count) or 0,
            power if coin.milliwatts is None else _number(coin.milliwatts, row, count),
            _number(coin.accepted, row, count) or 0,
            _number(coin.rejected, row, count) or 0,
        )
        for coin in entry.coins
    ]
    return Contribution(tuple(coins), power)
