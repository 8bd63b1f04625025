"""Several rigs over one another: charts in which each rig is a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rigfarm.commander.history import Course, Line
from rigfarm.commander.rigs.view.charts import MAX_SERIES, Chart, ChartData, Series
from rigfarm.common.clock import iso

__all__ = ["MAX_RIGS", "several_rigs", "table"]

MAX_RIGS = 8
"""Lines that can be told apart."""


def several_rigs(courses: Sequence[tuple[str, Course]]) -> ChartData:
    """Charts of at least one rig, each by its name, over one range at one resolution."""
    first = courses[0][1]
    count = min(len(course.t) for _, course in courses)
    coins = dict.fromkeys(line.name for _, course in courses for line in course.lines if line.group == "hashrate")
    names = sorted(coins, key=lambda coin: (-_mined_by(coin, courses), coin))[:MAX_SERIES]
    charts = [
        *(
            _chart(f"hashrate-{n}", f"Hashrate {coin}", "H/s", courses, "hashrate", count, coin)
            for n, coin in enumerate(names)
        ),
        _chart("temperature", "Hottest part", "°C", courses, "temperature", count),
        _chart("power", "Power", "W", courses, "power", count),
        _chart("fans", "Fastest fan", "rpm", courses, "fans rpm", count),
    ]
    step_ms = first.resolution_s * 1000
    return ChartData(
        first.to_ms - first.from_ms,
        2 * step_ms,
        first.t[:count],
        [chart for chart in charts if chart.series],
        from_ms=first.from_ms,
        to_ms=first.to_ms,
    )


def _mined_by(coin: str, courses: Iterable[tuple[str, Course]]) -> int:
    return sum(any(line.group == "hashrate" and line.name == coin for line in course.lines) for _, course in courses)


def _chart(
    id_: str, title: str, unit: str, courses: Iterable[tuple[str, Course]], group: str, count: int, name: str = ""
) -> Chart:
    """A line for each rig that has one: the highest of its lines of this group, or the one of this name."""
    series = []
    for hue, (rig, course) in enumerate(courses):
        lines = [line for line in course.lines if line.group == group and name in ("", line.name)]
        if values := _highest(lines, count):
            series.append(Series(rig, values, hue=hue))
    only = f", {series[0].name}" if len(series) == 1 else ""
    return Chart(id_, title + only, unit, series)


def _highest(lines: Sequence[Line], count: int) -> list[float | None]:
    """Of several lines; empty where nothing is known."""
    points = zip(*(line.values[:count] for line in lines), strict=True) if lines else ()
    found = [max((one for one in point if one is not None), default=None) for point in points]
    return found if any(one is not None for one in found) else []


def table(data: ChartData) -> Iterator[Sequence[object]]:
    """What the charts show, for a spreadsheet: a head, then a row for each point."""
    lines: Mapping[str, list[float | None]] = {
        f"{chart.title}{f', {one.name}' if len(chart.series) > 1 else ''} ({chart.unit})": one.values
        for chart in data.charts
        for one in chart.series
    }
    yield ("time", *lines)
    for n, t in enumerate(data.t):
        yield (iso(t), *(values[n] for values in lines.values()))
