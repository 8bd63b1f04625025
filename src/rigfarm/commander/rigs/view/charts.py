"""Charts of a rig and of the farm over a range of time, as data for charts.js.

The last hour of a rig moves: one log gives one moment and one value per series. Other ranges are read from history. All
charts of a page share the time axis; unknown is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.history import Course, Happened, Line, StateWas, TimeRange
from rigfarm.commander.history import Moment as Event
from rigfarm.commander.stats.lately import Sample
from rigfarm.commander.stats.marks import plausible
from rigfarm.units import digits, hashrate, power, temperature
from rigfarm.wire.log import DeviceKind, OperationalLog

__all__ = [
    "Chart",
    "ChartData",
    "Mark",
    "Moment",
    "Series",
    "chart_data",
    "compared",
    "farm_course",
    "marks_of",
    "moment",
    "new_points",
    "no_charts",
    "rig_course",
    "values_of_moment",
    "values_of_totals",
    "with_latest",
]

SPAN_MS = 3_600_000
MAX_SERIES = 4
MAX_DEVICES = 16
"""Lines of one chart by device; of more, a chart says nothing."""
_PARTS = ("GPU core", "GPU memory", "GPU hotspot", "board", "chip", "CPU")
_CORES: Mapping[DeviceKind, str] = {"gpu": "GPU core", "cpu": "CPU", "hashboard": "board"}
_MEMORIES: Mapping[DeviceKind, str] = {"gpu": "GPU memory"}
_CHIPS: Mapping[DeviceKind, str] = {"gpu": "GPU hotspot", "hashboard": "chip"}


class Series(Struct, frozen=True):
    """One line. `values` are SI: H/s, °C, W. `low` and `high` make a band behind it, where they are known."""

    name: str
    values: list[float | None]
    low: list[float | None] = []
    high: list[float | None] = []
    before: bool = False
    """It is the course of the series before it in the period before."""
    hue: int | None = None
    """Its colour on every chart of the page; without it, colours are taken in turn."""


class Mark(Struct, frozen=True):
    """Something that happened, at a time, UTC ms. `level` colours it: 0 to 2."""

    t: int
    text: str
    level: int = 0


class Chart(Struct, frozen=True):
    """One chart. `unit` is H/s, °C, W, H/J, %, rpm, shares or rigs."""

    id: str
    title: str
    unit: str
    series: list[Series]


class ChartData(Struct, frozen=True):
    """All charts of a page. `t` is UTC ms; a pause longer than `gap_ms` is drawn as a gap."""

    span_ms: int
    gap_ms: int
    t: list[int]
    charts: list[Chart]
    from_ms: int | None = None
    """Where the axis begins and ends, UTC ms; absent where it moves with the clock."""
    to_ms: int | None = None
    problem: str = ""
    """Why nothing is shown."""
    marks: list[Mark] = []

    def some(self, most: int) -> range:
        """At most so many of the points, evenly spaced."""
        return range(0, len(self.t), len(self.t) // most + 1)

    def at(self, point: int) -> str:
        """When a point is, for a table."""
        return datetime.fromtimestamp(self.t[point] / 1000, UTC).strftime("%b %d, %H:%M:%S")

    def said(self, chart: Chart, value: float | None) -> str:
        """A value with its unit."""
        return str(_SAID[chart.unit](value)) if chart.unit in _SAID else number_or_dash(value, chart.unit)


_SAID = {"H/s": hashrate, "W": power, "°C": temperature}


def number_or_dash(value: float | None, unit: str) -> str:
    """Of a unit that has no rules of its own."""
    return "–" if value is None else f"{digits(value)} {unit}"


class Moment(Struct, frozen=True):
    """What the charts show of one log; a log itself may be a thousand times as large."""

    t: int
    rates: dict[str, float]
    """H/s by coin."""
    hottest: dict[str, float]
    """°C by part."""
    power_w: float | None


def moment(log: OperationalLog) -> Moment:
    """Of a log."""
    return Moment(log.t, _rates(log), _hottest(log), _power(log))


def chart_data(moments: Iterable[Moment], interval_s: float) -> ChartData:
    """Charts of these moments, oldest first."""
    kept = list(moments)
    rates = [one.rates for one in kept]
    hottest = [one.hottest for one in kept]
    coins = list(dict.fromkeys(coin for rate in reversed(rates) for coin in rate))[:MAX_SERIES]
    parts = [part for part in _PARTS if any(part in found for found in hottest)]
    return ChartData(
        SPAN_MS,
        round(interval_s * 3000) + 1000,
        [one.t for one in kept],
        [
            *(
                Chart(f"hashrate-{n}", _title(coin, coins), "H/s", [Series(coin, [one.get(coin) for one in rates])])
                for n, coin in enumerate(coins)
            ),
            Chart("temperature", "Hottest", "°C", [Series(part, [one.get(part) for one in hottest]) for part in parts]),
            Chart("power", "Power", "W", [Series("rig", [one.power_w for one in kept])]),
        ],
    )


def rig_course(course: Course, *, devices: bool = False) -> ChartData:
    """Charts of a rig over a range of its history."""
    lines = _grouped(course.lines)
    charts = [
        *_by_coin(lines.get("hashrate", []), lines.get("expected", [])),
        _chart("temperature", "Temperature", "°C", lines.get("temperature", [])),
        _chart("power", "Power", "W", lines.get("power", [])),
    ]
    charts += [_chart(f"fans-{unit}", "Fans", unit, lines[f"fans {unit}"]) for unit in _FANS if f"fans {unit}" in lines]
    decided = [line for line in lines.get("shares", []) if line.name.rpartition(" ")[2] != "accepted"]
    charts += [_chart("shares", "Shares not accepted", "shares", decided)] if decided else []
    pools = lines.get("pool", [])
    charts += [_chart("pools", "Shares by pool", "shares", pools[:MAX_DEVICES])] if len(pools) > 1 else []
    return _course_data(course, charts + (_by_device(lines) if devices else []))


def _by_device(lines: Mapping[str, list[Line]]) -> list[Chart]:
    """A chart of each figure that devices have, with a line for each of them."""
    found: dict[tuple[str, str], list[Line]] = {}
    for group, some in lines.items():
        if group.startswith("device "):
            for line in some:
                device, _, what = line.name.partition(" ")
                named = Line(group=group, name=device, unit=line.unit, values=line.values)
                found.setdefault((what, line.unit), []).append(named)
    return [
        _chart(f"device-{n}", f"{_WORDS.get(what, what)} by device", unit, some[:MAX_DEVICES])
        for n, ((what, unit), some) in enumerate(sorted(found.items()))
        if unit
    ]


def farm_course(course: Course) -> ChartData:
    """Charts of the farm over a range of its history: a chart for each of the largest coins, power, rigs by state,
    efficiency and rejected shares."""
    lines = _grouped(course.lines)
    coins = [line.name for line in lines.get("hashrate", [])[:MAX_SERIES]]
    efficiency = [line for line in lines.get("efficiency", []) if line.name in coins]
    percent = [
        Line(group="", name=line.name, unit="%", values=[None if one is None else one * 100 for one in line.values])
        for line in lines.get("rejects", [])
        if line.name in coins
    ]
    charts = [
        *_by_coin(lines.get("hashrate", []), []),
        _chart("power", "Power", "W", lines.get("power", [])),
        _chart("rigs", "Rigs", "rigs", lines.get("rigs", [])),
        *(
            _chart(f"efficiency-{n}", f"Efficiency {line.name}" if len(coins) > 1 else "Efficiency", "H/J", [line])
            for n, line in enumerate(efficiency)
            if any(one is not None for one in line.values)
        ),
        _chart("rejects", "Rejected shares", "%", percent),
    ]
    return _course_data(course, charts)


_FANS = ("%", "rpm")
_WORDS = {
    "core_c": "Core",
    "memory_c": "Memory",
    "chip_c": "Hotspot",
    "fan_percent": "Fan",
    "fan_rpm": "Fan",
    "power_w": "Power",
}


def _grouped(lines: Iterable[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.group, []).append(line)
    return found


def _by_coin(lines: Sequence[Line], expected: Sequence[Line]) -> list[Chart]:
    """A chart for each coin, with what was expected of it."""
    coins = list(lines[:MAX_SERIES])
    names = [line.name for line in coins]
    return [
        Chart(
            f"hashrate-{n}",
            _title(one.name, names),
            "H/s",
            [
                _series(one),
                *(
                    Series(line.name.removeprefix(f"{one.name} "), line.values)
                    for line in expected
                    if line.name in (f"{one.name} normal", f"{one.name} expected")
                ),
            ],
        )
        for n, one in enumerate(coins)
    ]


def _chart(id_: str, title: str, unit: str, lines: Iterable[Line]) -> Chart:
    return Chart(id_, title, unit, [_series(line) for line in lines])


def compared(now: ChartData, then: ChartData) -> ChartData:
    """With the lines of the period before behind those of this one, moved to its time."""
    old = {(chart.id, one.name): one.values for chart in then.charts for one in chart.series}
    count = len(now.t)

    def both(chart: Chart) -> Iterator[Series]:
        for one in chart.series:
            yield one
            if (chart.id, one.name) in old:
                values = old[chart.id, one.name][:count]
                yield Series(f"{one.name} before", values + [None] * (count - len(values)), before=True)

    return replace(now, charts=[replace(chart, series=list(both(chart))) for chart in now.charts])


def with_latest(data: ChartData, later: Iterable[tuple[int, Mapping[tuple[str, str], float | None]]]) -> ChartData:
    """With what came after the history was written: moments, oldest first, as values by (chart, series)."""
    step_ms = data.gap_ms // 2
    if not step_ms or data.from_ms is None or data.to_ms is None:
        return data
    first = data.t[-1] + step_ms if data.t else data.from_ms // step_ms * step_ms
    points: dict[int, dict[tuple[str, str], list[float]]] = {}
    for t, values in later:
        if first <= t < data.to_ms:
            point = points.setdefault(t // step_ms * step_ms, {})
            for key, value in values.items():
                if value is not None:
                    point.setdefault(key, []).append(value)
    if not points:
        return data
    at = sorted(points)

    def more(chart: Chart, one: Series) -> Series:
        known = [points[t].get((chart.id.partition("-")[0], one.name)) for t in at]
        means = [sum(some) / len(some) if some else None for some in known]
        unknown: list[float | None] = [None] * len(at)
        return replace(
            one,
            values=one.values + means,
            low=one.low + unknown if one.low else [],
            high=one.high + unknown if one.high else [],
        )

    return replace(
        data,
        t=data.t + at,
        charts=[replace(chart, series=[more(chart, one) for one in chart.series]) for chart in data.charts],
    )


def values_of_moment(one: Moment) -> dict[tuple[str, str], float | None]:
    """What a log says, by (chart, series)."""
    found: dict[tuple[str, str], float | None] = {("hashrate", coin): rate for coin, rate in one.rates.items()}
    found |= {("temperature", part): celsius for part, celsius in one.hottest.items()}
    found["power", "rig"] = one.power_w
    return found


def values_of_totals(samples: Iterable[Sample]) -> dict[tuple[str, str], float | None]:
    """What the totals of all kinds say, by (chart, series)."""
    found: dict[tuple[str, str], float | None] = {}
    for sample in samples:
        some = {("hashrate", coin): rate for coin, rate in sample.rates.items()}
        some |= {("rigs", state): float(count) for state, count in sample.states.items()}
        some["power", "farm"] = sample.power_w
        for key, value in some.items():
            found[key] = value + (found.get(key) or 0.0)
    return found


def marks_of(happened: Iterable[Happened], name: Callable[[int], str]) -> list[Mark]:
    """What happened, for people; `name` says a rig's."""
    found = []
    for one in happened:
        fact, who = one.fact, name(one.rig)
        where = f"{who}: " if who else ""
        if isinstance(fact, StateWas):
            why = f", {fact.reason}" if fact.reason else ""
            found.append(Mark(one.t_ms, f"{where}{fact.state}{why}", fact.severity))
        elif isinstance(fact, Event) and fact.topic != "result":
            detail = f" ({fact.detail})" if fact.detail else ""
            found.append(Mark(one.t_ms, f"{where}{fact.topic} {fact.title}{detail}"))
    return found


def _series(line: Line) -> Series:
    return Series(line.name, line.values, line.low, line.high)


def _course_data(course: Course, charts: list[Chart]) -> ChartData:
    step_ms = course.resolution_s * 1000
    return ChartData(
        course.to_ms - course.from_ms, 2 * step_ms, course.t, charts, from_ms=course.from_ms, to_ms=course.to_ms
    )


def no_charts(span: TimeRange, why: str) -> ChartData:
    """Of a history that cannot be read."""
    return ChartData(span.to_ms - span.from_ms, 0, [], [], from_ms=span.from_ms, to_ms=span.to_ms, problem=why)


def new_points(log: OperationalLog, shown: ChartData) -> list[list[float | None]] | None:
    """One more log's values by chart and series, for charts that show the series of `shown`; None when it has a coin
    or a part that they do not show yet: they need all data again."""
    rates, hottest = _rates(log), _hottest(log)
    *coins, parts, _ = ([series.name for series in chart.series] for chart in shown.charts)
    known = {name for names in coins for name in names}
    if (not rates.keys() <= known and len(known) < MAX_SERIES) or not hottest.keys() <= set(parts):
        return None
    return [*([rates.get(name) for name in names] for names in coins), [hottest.get(p) for p in parts], [_power(log)]]


def _title(coin: str, coins: Sequence[str]) -> str:
    """Coins are not comparable: each has a chart, and an axis, of its own."""
    return f"Hashrate {coin}" if len(coins) > 1 else "Hashrate"


def _rates(log: OperationalLog) -> dict[str, float]:
    """H/s by coin."""
    found: dict[str, float] = {}
    for workload in log.workloads:
        rate = workload.hashrate
        if rate is not None and 0.0 <= rate < 1e24:
            coin = workload.coin or workload.algorithm or "?"
            found[coin] = found.get(coin, 0.0) + rate
    return found


def _hottest(log: OperationalLog) -> dict[str, float]:
    """°C by part, the hottest of each."""
    devices = log.devices
    found: dict[str, float] = {}
    columns: Sequence[tuple[Sequence[float | None], Mapping[DeviceKind, str]]] = (
        (devices.core_c, _CORES),
        (devices.memory_c, _MEMORIES),
        (devices.chip_c, _CHIPS),
    )
    for column, parts in columns:
        if len(column) != len(devices.kinds):
            continue
        for kind, celsius in zip(devices.kinds, column, strict=True):
            value, part = plausible(celsius), parts.get(kind)
            if value is not None and part is not None and value > found.get(part, -1000.0):
                found[part] = value
    return found


def _power(log: OperationalLog) -> float | None:
    return log.power_w if log.power_w is not None and 0.0 <= log.power_w < 1e7 else None
