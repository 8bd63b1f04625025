"""Shares and starts between two logs: differences of counters that fall when their program restarts.

A counter that fell began again at 0. One that was not there before counts from 0 where its program is known to have
started in between; else it is unknown what of it is new. A start shows in an uptime: it fell, or is shorter than the
time between the logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rigfarm.commander.history.chunks.chunk import COUNTED, Part
from rigfarm.commander.history.chunks.codes import UNKNOWN
from rigfarm.commander.history.rollups.gauges import coin_of
from rigfarm.commander.stats.contribution import MAX_COINS, OTHER
from rigfarm.common.text import printable
from rigfarm.wire.log import OperationalLog, Workload

__all__ = ["COUNTERS", "between_logs", "pool_name", "since_silence", "within_part"]

COUNTERS = ("accepted", "rejected", "stale", "invalid")
_OF_POOLS = ("accepted", "rejected")
MAX_POOL = 64
SLACK_MS = 2_000
FALL = 50
"""Tenths of a second: an uptime that fell by less only wavers."""

Name = tuple[str, str, str]
_Identity = tuple[str | None, str | None, str | None, int]


def pool_name(url: str) -> str:
    """What shares and time of a pool are called: its host and port."""
    rest = url.rpartition("://")[2].partition("/")[0]
    return printable(rest.rpartition("@")[2], "?", most=MAX_POOL)


def _names(log: OperationalLog) -> list[tuple[str, str | None]]:
    """(coin, pool) of each workload; those beyond MAX_COINS are others."""
    coins: set[str] = set()
    found = []
    for one in log.workloads:
        coin = coin_of(one.coin, one.algorithm)
        if coin not in coins and len(coins) >= MAX_COINS:
            coin = OTHER
        coins.add(coin)
        found.append((coin, pool_name(one.pool) if one.pool else None))
    return found


# Between two logs of one form


def within_part(part: Part, rows: Sequence[int]) -> dict[Name, list[int]]:
    """What is new in each of these rows since the one before it: columns as long as `rows`."""
    found: dict[Name, list[int]] = {}
    times = [part.times[row] - part.times[row - 1] for row in rows]
    for n, (coin, pool) in enumerate(_names(part.form)):
        at = 2 + n * len(COUNTED)
        uptimes = part.counted[at + COUNTED.index("uptime_s")]
        for counter, column in zip(COUNTERS, part.counted[at:], strict=False):
            new = _new(column, uptimes, rows, times)
            if any(new):
                _add(found, ("coin", coin, counter), new)
                if pool is not None and counter in _OF_POOLS:
                    _add(found, ("pool", pool, counter), new)
    for what, at in _uptimes(part.form):
        column = part.counted[at]
        starts = (
            [int(_started(column[row - 1], column[row], lasts)) for row, lasts in zip(rows, times, strict=True)]
            if _may_have_started(column, times)
            else []
        )
        if any(starts):
            _add(found, ("starts", what, "count"), starts)
    return found


def _add(found: dict[Name, list[int]], name: Name, new: list[int]) -> None:
    old = found.get(name)
    found[name] = new if old is None else [one + two for one, two in zip(old, new, strict=True)]


def _new(column: Sequence[int], uptimes: Sequence[int], rows: Sequence[int], times: Sequence[int]) -> list[int]:
    if column.count(UNKNOWN) == len(column):
        return []
    return [_more(column[row - 1], column[row], uptimes[row], lasts) for row, lasts in zip(rows, times, strict=True)]


def _more(before: int, after: int, uptime: int, lasts_ms: int) -> int:
    if after < 0:
        return 0
    if before < 0:
        return after if 0 <= uptime * 100 <= lasts_ms else 0
    return after - before if after >= before else after


def _may_have_started(column: Sequence[int], times: Sequence[int]) -> bool:
    return bool(times) and (min(column) * 100 <= max(times) or any(one > two for one, two in pairwise(column)))


def _started(before: int, after: int, lasts_ms: int) -> bool:
    if after < 0:
        return False
    if before >= 0:
        if after + FALL < before:
            return True
        if abs((after - before) * 100 - lasts_ms) < SLACK_MS:
            return False
    return after * 100 <= lasts_ms


def _uptimes(log: OperationalLog) -> Iterator[tuple[str, int]]:
    """(of what, its column among what is counted): of the rig, and of each program once."""
    yield "rig", 1
    programs: set[str | None] = set()
    for n, one in enumerate(log.workloads):
        if one.software not in programs:
            programs.add(one.software)
            yield "program", 2 + n * len(COUNTED) + COUNTED.index("uptime_s")


# Between any two logs


def between_logs(before: OperationalLog, after: OperationalLog) -> Counter[Name]:
    """What is new in the later one."""
    found: Counter[Name] = Counter()
    known = dict(_named(before))
    lasts_ms = after.t - before.t
    for (identity, workload), (coin, pool) in zip(_named(after), _names(after), strict=True):
        was = known.get(identity)
        for counter in COUNTERS:
            new = _more(
                _whole(getattr(was, counter) if was is not None else None),
                _whole(getattr(workload, counter)),
                _tenths(workload.uptime_s),
                lasts_ms,
            )
            if new:
                found["coin", coin, counter] += new
                if pool is not None and counter in _OF_POOLS:
                    found["pool", pool, counter] += new
    programs = _programs(before)
    for software, uptime in _programs(after).items():
        if _started(programs.get(software, UNKNOWN), uptime, lasts_ms):
            found["starts", "program", "count"] += 1
    if _started(_tenths(before.uptime_s), _tenths(after.uptime_s), lasts_ms):
        found["starts", "rig", "count"] += 1
    return found


def since_silence(log: OperationalLog, silence_ms: int) -> Counter[Name]:
    """Starts within the silence before a log."""
    found: Counter[Name] = Counter()
    for uptime in _programs(log).values():
        found["starts", "program", "count"] += _started(UNKNOWN, uptime, silence_ms)
    found["starts", "rig", "count"] += _started(UNKNOWN, _tenths(log.uptime_s), silence_ms)
    return +found


def _programs(log: OperationalLog) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for one in log.workloads:
        found.setdefault(one.software, _tenths(one.uptime_s))
    return found


def _whole(number: int | None) -> int:
    return UNKNOWN if number is None else number


def _tenths(seconds: float | None) -> int:
    return UNKNOWN if seconds is None else round(seconds * 10)


def _named(log: OperationalLog) -> Iterator[tuple[_Identity, Workload]]:
    """Workloads by what they are; of several alike, by their place among these."""
    places: Counter[tuple[str | None, str | None, str | None]] = Counter()
    for workload in log.workloads:
        one = (workload.software, workload.coin, workload.algorithm)
        yield (*one, places[one]), workload
        places[one] += 1
