"""For how long rigs were silent: *offline* while the Commander ran, *unknown* while it did not.

A rig counts from its first report until it was removed. Of that time, what its logs account for is no silence, even if
they came later; the rest is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise
from operator import sub
from weakref import WeakKeyDictionary

from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.happened.rows import Life, census, lives, running
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, OWNER, row_id
from rigfarm.commander.history.reading.course import Buckets, columns_of, known
from rigfarm.commander.history.rollups.days import reported_on
from rigfarm.commander.history.store import Reader
from rigfarm.commander.kinds import KINDS, KindName

__all__ = ["SILENT", "Absence", "absence_of_farm", "absence_of_rig", "absence_of_rigs", "unknown_by_rig"]

SILENT = ("offline", "unknown")
SLIGHT_MS = 60_000
"""A Commander that was away for so long was only started again."""
_HOURS = DAY_MS // HOUR_MS


class _Many:
    """How many rigs there were at any time, and for how long together."""

    def __init__(self, changes: Iterable[tuple[int, int]]) -> None:
        self._times: list[int] = []
        self._counts: list[int] = []
        self._areas: list[int] = []
        count = area = last = 0
        for t_ms, difference in sorted(changes):
            area += count * (t_ms - last)
            last, count = t_ms, count + difference
            self._times.append(t_ms)
            self._counts.append(count)
            self._areas.append(area)

    def until(self, t_ms: int) -> int:
        """Milliseconds of all rigs together until a time."""
        at = bisect_right(self._times, t_ms) - 1
        return self._areas[at] + self._counts[at] * (t_ms - self._times[at]) if at >= 0 else 0

    def at_each(self, times: Sequence[int]) -> list[int]:
        """`until` of many times that rise."""
        if not self._times or times[-1] < self._times[0]:
            return [0] * len(times)
        if times[0] >= self._times[-1]:  # no rig came or went in all this time
            area, count, last = self._areas[-1], self._counts[-1], self._times[-1]
            return [area + count * (t_ms - last) for t_ms in times]
        return [self.until(t_ms) for t_ms in times]


class Absence:
    """Milliseconds of each point in which rigs should have reported."""

    def __init__(self, many: Sequence[_Many], spans: Sequence[tuple[int, int]], buckets: Buckets) -> None:
        self._many = many
        count, begins = buckets.count, buckets.t
        edges = [*begins, begins[-1] + buckets.lasted_ms(count - 1)] if count else []
        areas = list(map(sum, zip(*(one.at_each(edges) for one in many), strict=True))) if edges and many else []
        self.there_ms = list(map(sub, areas[1:], areas)) or [0] * count
        """Of all rigs together."""
        self._watched_ms = [0] * count
        for begin, end in spans:
            first = max((begin // buckets.step_ms) - buckets.first, 0)
            for n in range(first, min((end - 1) // buckets.step_ms - buckets.first + 1, count)):
                if begin <= edges[n] and edges[n + 1] <= end:
                    self._watched_ms[n] += self.there_ms[n]
                elif max(begin, edges[n]) < min(end, edges[n + 1]):
                    self._watched_ms[n] += self._of(max(begin, edges[n]), min(end, edges[n + 1]))

    def _of(self, begin_ms: int, end_ms: int) -> int:
        return sum(many.until(end_ms) - many.until(begin_ms) for many in self._many)

    def silent_ms(self, point: int, reported_ms: int) -> tuple[int, int]:
        """(offline, unknown) of a point of which rigs account for so much."""
        rest = max(self.there_ms[point] - reported_ms, 0)
        unknown = min(rest, max(self.there_ms[point] - self._watched_ms[point], 0))
        return rest - unknown, unknown


def _many(lives: Iterable[Life]) -> _Many:
    changes = []
    for one in lives:
        if one.first_ms is not None:
            changes.append((one.first_ms, 1))
            if one.removed_ms is not None:
                changes.append((max(one.removed_ms, one.first_ms), -1))
    return _Many(changes)


_known: WeakKeyDictionary[Reader, tuple[tuple[int, ...], dict[KindName, _Many]]] = WeakKeyDictionary()
"""Of each reader: rigs seldom come and go."""


def absence_of_farm(reader: Reader, kinds: Iterable[KindName], buckets: Buckets) -> Absence:
    """Of all rigs of some kinds."""
    now = census(reader)
    one = _known.get(reader)
    if one is None or one[0] != now:
        every = lives(reader)
        one = _known[reader] = now, {kind: _many(life for life in every if life.kind == kind) for kind in KINDS}
    return _absence(reader, [one[1][kind] for kind in kinds], buckets)


def absence_of_rig(reader: Reader, rig: int, buckets: Buckets) -> Absence:
    """Of one rig."""
    return _absence(reader, [_many(lives(reader, [rig]))], buckets)


def absence_of_rigs(reader: Reader, rigs: Collection[int], buckets: Buckets) -> Absence:
    """Of some rigs together."""
    return _absence(reader, [_many(lives(reader, rigs))], buckets)


def _absence(reader: Reader, many: Sequence[_Many], buckets: Buckets) -> Absence:
    begin_ms = buckets.first * buckets.step_ms
    return Absence(many, running(reader, begin_ms, begin_ms + buckets.count * buckets.step_ms), buckets)


def unknown_by_rig(reader: Reader, hours: range, there: Mapping[int, Life]) -> dict[int, int]:
    """For how many ms of these hours each rig was silent while the Commander did not run; those with none are left
    out. Logs that came later are no silence, hour by hour: an outage after them is the rig's own."""
    found: dict[int, int] = {}
    for day, gaps in groupby(_gaps(reader, hours), lambda gap: gap[0] // DAY_MS):
        of_day = {hour: list(parts) for hour, parts in groupby(gaps, lambda gap: gap[0] // HOUR_MS)}
        reported = reported_on(reader, day)
        silent = [
            rig
            for rig, life in there.items()
            if life.within(day * DAY_MS, (day + 1) * DAY_MS) - reported.get(rig, 0) > SLIGHT_MS
        ]
        rows = (row_id(day, rig) for rig in silent)
        by_hour = {row & OWNER: _by_hour(columns) for row, columns in columns_of(reader, "hours", rows, _is_state)}
        for rig in silent:
            life, sums = there[rig], by_hour.get(rig, [0] * _HOURS)
            for hour, parts in of_day.items():
                rest = life.within(hour * HOUR_MS, (hour + 1) * HOUR_MS) - sums[hour - day * _HOURS]
                unknown = min(sum(life.within(*part) for part in parts), rest)
                if unknown > 0:
                    found[rig] = found.get(rig, 0) + unknown
    return found


def _gaps(reader: Reader, hours: range) -> Iterator[tuple[int, int]]:
    """When the Commander did not run, in order, cut at each hour."""
    begin_ms, end_ms = hours.start * HOUR_MS, hours.stop * HOUR_MS
    borders = [begin_ms, *chain.from_iterable(running(reader, begin_ms, end_ms)), end_ms]
    for begin, end in list(pairwise(borders))[::2]:
        if end - begin > SLIGHT_MS:
            cuts = [begin, *range((begin // HOUR_MS + 1) * HOUR_MS, end, HOUR_MS), end]
            yield from pairwise(cuts)


def _is_state(key: Key) -> bool:
    return key[0] == "state"


def _by_hour(columns: Mapping[Key, Sequence[int]]) -> list[int]:
    return [sum(known([column[n] for column in columns.values()])) for n in range(_HOURS)]
