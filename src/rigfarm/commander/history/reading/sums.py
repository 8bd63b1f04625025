"""Sums over a time: of the farm hour by hour, of a rig hour by hour, of every rig. What reports are made from; and the
hashrates of rigs hour by hour, which indexes draw."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import add

from rigfarm.commander.history.chunks.codes import values
from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, OWNER, place_of, row_id
from rigfarm.commander.history.reading.course import blobs, columns_of
from rigfarm.commander.history.rollups.days import RigSums, days_of, sums_of
from rigfarm.commander.history.rollups.totals import Sums, contribution, joined
from rigfarm.commander.history.store import Reader
from rigfarm.commander.kinds import KindName

__all__ = ["farm_by_hour", "hashrates_by_hour", "rigs_by_hour", "sums_by_rig"]

_HOURS = DAY_MS // HOUR_MS
_SCOPES = ("", "coin", "watts", "expected", "normal", "state", "why", "starts")


def farm_by_hour(reader: Reader, kinds: Iterable[KindName], hours: range) -> Sums:
    """What rigs of these kinds did in each of these hours (numbers since 1970 UTC): the columns of
    `rollups.totals`."""
    found: Sums = {}
    for kind in kinds:
        for day, columns in blobs(reader, "hour_totals", place_of(kind), _days(hours), _is_summed):
            _put(found, joined(columns), day, hours)
    return found


def rigs_by_hour(reader: Reader, rigs: Collection[int], hours: range) -> Sums:
    """The same of some rigs together; it takes a quarter of a millisecond for each day of a rig."""
    found: Sums = {}
    for day in _days(hours):
        rows = (row_id(day, rig) for rig in rigs)
        for _, columns in columns_of(reader, "hours", rows, _is_of_rig):
            _put(found, contribution(columns, slice(0, _HOURS)), day, hours)
    return found


def sums_by_rig(reader: Reader, hours: range, rigs: Iterable[int]) -> dict[int, RigSums]:
    """What each of these rigs did in these hours: whole days as they are stored, the hours at both ends from hours."""
    wanted = set(rigs)
    whole = range(-(-hours.start // _HOURS), max(hours.stop // _HOURS, -(-hours.start // _HOURS)))
    found = {rig: sums for rig, sums in days_of(reader, whole).items() if rig in wanted}
    for day in _days(hours):
        if day not in whole:
            part = slice(max(hours.start - day * _HOURS, 0), min(hours.stop - day * _HOURS, _HOURS))
            rows = (row_id(day, rig) for rig in wanted)
            for row, columns in columns_of(reader, "hours", rows, _is_of_rig):
                found.setdefault(row & OWNER, RigSums()).add(sums_of(columns, part))
    return found


def hashrates_by_hour(reader: Reader, coins: Mapping[int, str], hours: range) -> dict[int, list[float | None]]:
    """Mean H/s in each of these hours, of one coin for each rig. A rig without any is left out."""
    wanted = {("coin", coin, "mean") for coin in coins.values()}
    rows = (row_id(day, rig) for day in _days(hours) for rig in coins)
    found: dict[int, list[float | None]] = {}
    for row, columns in columns_of(reader, "hours", rows, wanted.__contains__):
        day, rig = row >> 32, row & OWNER
        column = columns.get(("coin", coins[rig], "mean"))
        if column is not None:
            part = found.setdefault(rig, [None] * len(hours))
            for hour, rate in enumerate(values(column), day * _HOURS):
                if hour in hours:
                    part[hour - hours.start] = rate
    return found


def _days(hours: range) -> range:
    return range(hours.start // _HOURS, -(-hours.stop // _HOURS))


def _is_summed(key: Key) -> bool:
    return not key[2].removesuffix("+").endswith(("_min", "_max"))


def _is_of_rig(key: Key) -> bool:
    return key[0] in _SCOPES


def _put(found: Sums, columns: Mapping[Key, Sequence[int]], day: int, hours: range) -> None:
    first = day * _HOURS - hours.start
    rows = slice(max(first, 0), min(first + _HOURS, len(hours)))
    for key, column in columns.items():
        total = found.setdefault(key, [0] * len(hours))
        total[rows] = map(add, total[rows], column[rows.start - first : rows.stop - first])
