"""How the farm went, or one kind of rigs: from totals, so that it costs the same however many rigs there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add

from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.model import Table, place_of
from rigfarm.commander.history.reading.absence import SILENT, Absence, absence_of_farm
from rigfarm.commander.history.reading.course import Buckets, Line, Values, blobs
from rigfarm.commander.history.rollups.states import STATES
from rigfarm.commander.history.rollups.totals import Sums, joined
from rigfarm.commander.history.store import Reader
from rigfarm.commander.kinds import KindName

__all__ = ["lines_of_farm"]

MJ_PER_WH = 3_600_000.0
_STATS = frozenset(
    one + more
    for one in ("work", "work_min", "work_max", "powered", "expected", "mj", "accepted", "rejected")
    for more in ("", "+")
)


class _Sum:
    """Sums of one column over kinds, by point; with the least and the most of a minute."""

    def __init__(self, count: int) -> None:
        self.total = [0] * count
        self.low: list[int | None] = [None] * count
        self.high: list[int | None] = [None] * count


def lines_of_farm(
    reader: Reader, *, kinds: Sequence[KindName], buckets: Buckets, coin: str | None = None
) -> list[Line]:
    """Hashrates, efficiency and rejects by coin, power, and how many rigs are in which state; of one coin, or of all
    that were mined."""
    table: Table = "minute_totals" if buckets.row_ms == 60_000 else "hour_totals"
    sums: dict[Key, _Sum] = {}

    def wanted(key: Key) -> bool:
        scope, name, stat = key
        if scope == "coin":
            return (coin is None or name == coin) and stat in _STATS
        return scope in ("state", "why") or stat.startswith("mj")

    there = [False] * buckets.count
    """Whether any rig reported."""
    for kind in kinds:
        for number, columns in blobs(reader, table, place_of(kind), buckets.numbers, wanted):
            _take(sums, there, joined(columns), buckets, number)
    absence = absence_of_farm(reader, kinds, buckets) if coin is None else None
    return list(_lines(sums, there, buckets, coin, absence))


def _take(sums: dict[Key, _Sum], there: list[bool], columns: Sums, buckets: Buckets, number: int) -> None:
    parts = list(buckets.parts(number))
    minute_rows = buckets.row_ms == 60_000
    for key, column in columns.items():
        scope, name, stat = key
        if stat.endswith(("_min", "_max")):
            continue
        found = sums.setdefault(key, _Sum(buckets.count))
        lows = columns.get((scope, name, stat + "_min"), column if minute_rows else None)
        highs = columns.get((scope, name, stat + "_max"), column if minute_rows else None)
        if buckets.width == 1:
            _add(found.total, parts, column)
        else:
            for point, rows in parts:
                found.total[point] += sum(column[rows])
        if scope == "state":
            for point, rows in parts:
                there[point] |= any(column[rows])
        if stat in ("work", "mj") and buckets.step_ms > 60_000 and lows is not None and highs is not None:
            for point, rows in parts:
                known = [one for one in lows[rows] if one]
                if known:
                    found.low[point] = min(known) + (found.low[point] or 0)
                    found.high[point] = max(highs[rows]) + (found.high[point] or 0)


def _add(total: list[int], parts: Sequence[tuple[int, slice]], column: Sequence[int]) -> None:
    """Of points that are a row each."""
    if parts:
        first, rows = parts[0][0], slice(parts[0][1].start, parts[-1][1].stop)
        total[first : first + len(parts)] = map(add, total[first : first + len(parts)], column[rows])


def _lines(
    sums: dict[Key, _Sum], there: Sequence[bool], buckets: Buckets, coin: str | None, absence: Absence | None
) -> Iterable[Line]:
    seconds = [buckets.lasted_ms(n) / 1000 for n in range(buckets.count)]

    def per_second(key: Key, factor: float = 1.0) -> Values:
        total = sums[key].total if key in sums else [0] * buckets.count
        return [
            one * factor / lasts if is_there and lasts > 0 else None
            for one, lasts, is_there in zip(total, seconds, there, strict=True)
        ]

    def per_minute(found: Sequence[int | None], per: float = 1.0) -> Values:
        return [None if one is None else one / 60 / per for one in found]

    totals = {
        name: sum(found.total) for (scope, name, stat), found in sums.items() if (scope, stat) == ("coin", "work")
    }
    coins = sorted(totals, key=lambda name: (-totals[name], name))
    for name in coins:
        work = sums["coin", name, "work"]
        low, high = (per_minute(work.low), per_minute(work.high)) if buckets.step_ms > 60_000 else ([], [])
        yield Line(
            group="hashrate", name=name, unit="H/s", values=per_second(("coin", name, "work")), low=low, high=high
        )
    if coin is None:
        if (power := sums.get(("", "power_w", "mj"))) is not None:
            low, high = (
                ([], []) if buckets.step_ms == 60_000 else (per_minute(power.low, 1e3), per_minute(power.high, 1e3))
            )
            watts = per_second(("", "power_w", "mj"), 1e-3)
            yield Line(group="power", name="farm", unit="W", values=watts, low=low, high=high)
            energy: Values = [one / MJ_PER_WH if there[n] else None for n, one in enumerate(power.total)]
            yield Line(group="energy", name="farm", unit="Wh", values=energy)
        for name in coins:
            if ("coin", name, "expected") in sums:
                expected = per_second(("coin", name, "expected"))
                yield Line(group="expected", name=name, unit="H/s", values=expected)
        for state in STATES:
            if ("state", state, "ms") in sums:
                yield Line(group="rigs", name=state, unit="rigs", values=per_second(("state", state, "ms"), 1e-3))
    if absence is not None:
        yield from _silent(sums, seconds, absence)
    for name in coins:
        ratio = _ratio(sums, ("coin", name, "powered"), [("coin", name, "mj")], 1e3)
        yield Line(group="efficiency", name=name, unit="H/J", values=ratio)
    for name in coins:
        both = [("coin", name, "accepted"), ("coin", name, "rejected")]
        yield Line(group="rejects", name=name, unit="", values=_ratio(sums, both[1], both, 1.0))


def _silent(sums: dict[Key, _Sum], seconds: Sequence[float], absence: Absence) -> Iterable[Line]:
    """How many rigs were offline, and of how many it is unknown."""
    states = [found.total for (scope, _, _), found in sums.items() if scope == "state"]
    silent = [absence.silent_ms(n, sum(total[n] for total in states)) for n in range(len(seconds))]
    for name, column in zip(SILENT, zip(*silent, strict=True), strict=False):
        if any(column):
            values = [
                ms / 1000 / lasts if lasts > 0 and absence.there_ms[n] else None
                for n, (ms, lasts) in enumerate(zip(column, seconds, strict=True))
            ]
            yield Line(group="rigs", name=name, unit="rigs", values=values)


def _ratio(sums: dict[Key, _Sum], part: Key, wholes: Sequence[Key], factor: float) -> Values:
    known = [sums[key].total for key in wholes if key in sums]
    if not known:
        return [None] * len(next(iter(sums.values())).total)
    of = sums[part].total if part in sums else [0] * len(known[0])
    return [one * factor / sum(all_) if sum(all_) else None for one, *all_ in zip(of, *known, strict=True)]
