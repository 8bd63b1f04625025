"""How a rig went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from rigfarm.commander.history.chunks.codes import UNKNOWN, values
from rigfarm.commander.history.chunks.columns import Key
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, Table
from rigfarm.commander.history.reading.absence import SILENT, Absence, absence_of_rig
from rigfarm.commander.history.reading.course import Buckets, Line, Values, blobs
from rigfarm.commander.history.reading.raw import fine
from rigfarm.commander.history.rollups.hours import folded
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.rollups.shares import COUNTERS
from rigfarm.commander.history.store import Reader

__all__ = ["MS_PER_WH", "PARTS", "lines_of_rig"]

MS_PER_WH = 3_600_000.0

PARTS: Mapping[tuple[str, str], str] = {
    ("gpu", "core_c"): "GPU core",
    ("gpu", "memory_c"): "GPU memory",
    ("gpu", "chip_c"): "GPU hotspot",
    ("hashboard", "core_c"): "board",
    ("hashboard", "chip_c"): "chip",
    ("cpu", "core_c"): "CPU",
}
"""Temperatures that are shown together, the hottest of each."""
_UNITS = {"core_c": "°C", "memory_c": "°C", "chip_c": "°C", "fan_percent": "%", "fan_rpm": "rpm", "power_w": "W"}
_BANDS = ("mean", "min", "max")
_OF_RIG = frozenset(("", "coin", "state", "expected", "normal", "pool", "starts", "why"))
_PACE = Pace(5.0)
TOGETHER = 24
"""So many rows of a table are folded at once, at most: all columns of a rig lie in memory meanwhile."""


def lines_of_rig(
    reader: Reader, *, rig: int, buckets: Buckets, devices: bool = False, pace: Pace = _PACE
) -> list[Line]:
    """Hashrates by coin beside what was expected, power, energy, temperatures, fans, shares, pools, starts and states;
    with `devices` also each of them by itself."""
    wanted = _any if devices else _of_summary
    found: dict[Key, Values] = {}
    for of, rows in _read(reader, rig, buckets, wanted, pace):
        for number, count, columns in _together(rows):
            for first, row in _points(columns, of, number, count):
                for key, column in row.items():
                    part = values(column) if key[2] in _BANDS else [None if one == UNKNOWN else one for one in column]
                    course = found.get(key)
                    if course is None:
                        course = found[key] = buckets.empty()
                    course[first : first + len(part)] = part[: buckets.count - first]
    lines = [*_hashrates(found, buckets), *_expected(found), *_temperatures(found, buckets), *_power(found)]
    lines += [*_fans(found, buckets), *_shares(found), *_counted(found)]
    lines += _states(found, buckets, absence_of_rig(reader, rig, buckets))
    return lines + (_devices(found) if devices else [])


_Rows = Iterable[tuple[int, Mapping[Key, list[int]]]]
"""(number, columns)"""


def _read(
    reader: Reader, rig: int, buckets: Buckets, wanted: Callable[[Key], bool], pace: Pace
) -> Iterator[tuple[Buckets, _Rows]]:
    """What there is of the points, and how its rows lie: logs, hours, or minutes, of which whole days are read ten by
    ten where they have been written so."""
    if buckets.fine:
        yield buckets, fine(reader, rig, buckets, wanted, pace)
        return
    table: Table = "minutes" if buckets.row_ms == 60_000 else "hours"
    tens, numbers = buckets.of_tens(), buckets.numbers
    days = {} if tens is None else dict(blobs(reader, "tens", rig, tens.numbers, wanted))
    if tens is not None and days:
        yield tens, days.items()
    yield buckets, blobs(reader, table, rig, [one for one in numbers if one * HOUR_MS // DAY_MS not in days], wanted)


def _together(
    read: _Rows,
) -> Iterator[tuple[int, int, Mapping[Key, list[int]]]]:
    """(first number, how many, columns): rows of the table that follow one another as one, where they have the same
    columns. Folding them at once takes half of the time."""
    first, count = 0, 0
    found: Mapping[Key, list[int]] = {}
    for number, columns in read:
        if 0 < count < TOGETHER and number == first + count and columns.keys() == found.keys():
            for key, column in columns.items():
                found[key].extend(column)
            count += 1
            continue
        if count:
            yield first, count, found
        first, count, found = number, 1, columns
    if count:
        yield first, count, found


def _points(
    columns: Mapping[Key, Sequence[int]], buckets: Buckets, number: int, count: int
) -> Iterator[tuple[int, Mapping[Key, Sequence[int]]]]:
    """(first point, what is known of it and the next ones) of rows of the table that follow one another."""
    parts = list(buckets.parts(number, count))
    if parts and buckets.width == 1:
        rows = slice(parts[0][1].start, parts[-1][1].stop)
        yield parts[0][0], {key: column[rows] for key, column in columns.items()}
    elif parts:
        yield parts[0][0], folded(columns, [rows for _, rows in parts])


def _any(_key: Key) -> bool:
    return True


@lru_cache(4096)
def _of_summary(key: Key) -> bool:
    scope, name, stat = key
    if scope in _OF_RIG:
        return True
    if name in ("fan_percent", "fan_rpm") or scope == "fan":
        return stat in ("mean", "max")
    return stat in ("mean", "max") and (scope.rstrip("0123456789"), name) in PARTS


def _band(found: Mapping[Key, Values], scope: str, name: str, group: str, label: str, unit: str) -> Line:
    low, high = found.get((scope, name, "min"), []), found.get((scope, name, "max"), [])
    return Line(group=group, name=label, unit=unit, values=found[scope, name, "mean"], low=low, high=high)


def _hashrates(found: Mapping[Key, Values], buckets: Buckets) -> list[Line]:
    """The coin that was mined last comes first."""
    coins = [name for scope, name, stat in found if (scope, stat) == ("coin", "mean")]

    def last(coin: str) -> int:
        course = found["coin", coin, "mean"]
        return next((n for n in range(buckets.count - 1, -1, -1) if course[n] is not None), -1)

    return [_band(found, "coin", coin, "hashrate", coin, "H/s") for coin in sorted(coins, key=lambda c: (-last(c), c))]


def _expected(found: Mapping[Key, Values]) -> list[Line]:
    """A rig's own normal, and what the device says it should make."""
    return [
        Line(group="expected", name=f"{name} {scope}", unit="H/s", values=course)
        for (scope, name, _), course in sorted(found.items(), key=itemgetter(0))
        if scope in ("expected", "normal")
    ]


def _power(found: Mapping[Key, Values]) -> list[Line]:
    if ("", "power_w", "mean") not in found:
        return []
    pairs = zip(found["", "power_w", "mean"], found["", "power_w", "ms"], strict=True)
    energy = [None if watts is None or ms is None else watts * ms / MS_PER_WH for watts, ms in pairs]
    return [
        _band(found, "", "power_w", "power", "rig", "W"),
        Line(group="energy", name="rig", unit="Wh", values=energy),
    ]


def _over(found: Mapping[Key, Values], keys: list[Key], buckets: Buckets, pick: Callable[..., float]) -> Values:
    """The most, or the least, of several courses at each point."""
    courses = [found[key] for key in keys if key in found]
    if len(courses) < 2:
        return courses[0] if courses else buckets.empty()
    if not any(None in one for one in courses):
        return list(map(pick, *courses))
    points = ([one for one in point if one is not None] for point in zip(*courses, strict=True))
    return [pick(known) if known else None for known in points]


def _hottest(found: Mapping[Key, Values], keys: list[Key], buckets: Buckets, group: str, name: str, unit: str) -> Line:
    """The mean of the device that was highest, and what the lowest and the highest of them were."""
    means = [(scope, what, "mean") for scope, what, _ in keys]
    return Line(
        group=group,
        name=name,
        unit=unit,
        values=_over(found, means, buckets, max),
        low=_over(found, means, buckets, min),
        high=_over(found, [(scope, what, "max") for scope, what, _ in keys], buckets, max),
    )


def _temperatures(found: Mapping[Key, Values], buckets: Buckets) -> list[Line]:
    lines = []
    for (kind, measure), part in PARTS.items():
        keys = [key for key in found if key[2] == "mean" and key[1] == measure and key[0].rstrip("0123456789") == kind]
        if keys:
            lines.append(_hottest(found, keys, buckets, "temperature", part, "°C"))
    return lines


def _fans(found: Mapping[Key, Values], buckets: Buckets) -> list[Line]:
    means = [key for key in found if key[2] == "mean"]
    lines = []
    for unit, chosen in (
        ("%", [key for key in means if key[1] == "fan_percent"]),
        ("rpm", [key for key in means if key[1] == "fan_rpm" or key[0] == "fan"]),
    ):
        if chosen:
            lines.append(_hottest(found, chosen, buckets, f"fans {unit}", "fans", unit))
    return lines


def _shares(found: Mapping[Key, Values]) -> list[Line]:
    return [
        Line(group="shares", name=f"{name} {stat}", unit="shares", values=course)
        for (scope, name, stat), course in sorted(found.items(), key=itemgetter(0))
        if scope == "coin" and stat in COUNTERS
    ]


def _counted(found: Mapping[Key, Values]) -> list[Line]:
    """Shares and minutes of each pool, starts, and seconds by what was wrong."""
    lines = []
    for (scope, name, stat), course in sorted(found.items(), key=itemgetter(0)):
        if scope == "starts":
            lines.append(Line(group="starts", name=name, unit="", values=course))
        elif scope == "pool" and stat != "ms":
            lines.append(Line(group="pool", name=f"{name} {stat}", unit="shares", values=course))
        elif scope in ("pool", "why"):
            seconds: Values = [None if ms is None else ms / 1000 for ms in course]
            lines.append(Line(group="pool time" if scope == "pool" else scope, name=name, unit="s", values=seconds))
    return lines


def _states(found: Mapping[Key, Values], buckets: Buckets, absence: Absence) -> list[Line]:
    """Seconds in each state."""
    states = {name: course for (scope, name, _), course in sorted(found.items(), key=itemgetter(0)) if scope == "state"}
    silent = [
        absence.silent_ms(n, round(sum(course[n] or 0 for course in states.values()))) for n in range(buckets.count)
    ]
    states |= {
        name: [ms if absence.there_ms[n] or ms else None for n, ms in enumerate(column)]
        for name, column in zip(SILENT, zip(*silent, strict=True), strict=False)
        if any(column)
    }
    return [
        Line(group="state", name=name, unit="s", values=[None if ms is None else ms / 1000 for ms in course])
        for name, course in states.items()
    ]


def _devices(found: Mapping[Key, Values]) -> list[Line]:
    lines = []
    for scope, name, stat in sorted(found):
        if stat == "mean" and scope not in (*_OF_RIG, "watts"):
            device, _, rate = scope.partition(":")
            label = f"{device} {name}"
            unit = "H/s" if rate else _UNITS.get(name, "rpm" if device == "fan" else "")
            lines.append(_band(found, scope, name, f"device {device}", label, unit))
    return lines
