"""Several rigs over one another: each a line of its own name, and what is unknown is a gap."""

from __future__ import annotations

from typing import Any

from rigfarm.commander.history import Course, Line
from rigfarm.commander.rigs.view.several import several_rigs, table

T = [0, 60_000, 120_000]


def a_course(*lines: Line, points: int = 3) -> Course:
    return Course(from_ms=0, to_ms=180_000, resolution_s=60, t=T[:points], lines=list(lines))


def a_line(group: str, name: str, *values: float | None) -> Line:
    return Line(group=group, name=name, unit="", values=list(values))


def test_each_rig_is_a_line_and_coins_are_charts_of_their_own() -> None:
    one = a_course(
        a_line("hashrate", "KAS", 1.0, None, 3.0),
        a_line("hashrate", "XMR", 5.0, 5.0, 5.0),
        a_line("temperature", "GPU core", 60.0, 70.0, None),
        a_line("temperature", "GPU memory", 80.0, None, None),
    )
    two = a_course(a_line("hashrate", "KAS", 2.0, 2.0, 2.0), a_line("power", "rig", 100.0, 100.0, 100.0))
    data = several_rigs([("a", one), ("b", two)])
    found = {chart.title: [(line.name, line.values) for line in chart.series] for chart in data.charts}
    assert found == {
        "Hashrate KAS": [("a", [1.0, None, 3.0]), ("b", [2.0, 2.0, 2.0])],
        "Hashrate XMR, a": [("a", [5.0, 5.0, 5.0])],
        "Hottest part, a": [("a", [80.0, 70.0, None])],
        "Power, b": [("b", [100.0, 100.0, 100.0])],
    }
    hues = {(line.name, line.hue) for chart in data.charts for line in chart.series}
    assert hues == {("a", 0), ("b", 1)}, "a rig has the same colour on every chart"
    assert (data.from_ms, data.to_ms, data.t) == (0, 180_000, T)


def test_histories_that_end_apart_end_together() -> None:
    long = a_course(a_line("power", "rig", 1.0, 2.0, 3.0))
    short = a_course(a_line("power", "rig", 1.0, 2.0), points=2)
    data = several_rigs([("a", long), ("b", short)])
    assert data.t == T[:2]
    assert [line.values for line in data.charts[0].series] == [[1.0, 2.0], [1.0, 2.0]]


def test_the_table_is_what_the_charts_show() -> None:
    data = several_rigs([("=a", a_course(a_line("power", "rig", 1.0, None, 3.0)))])
    assert list(table(data)) == [
        ("time", "Power, =a (W)"),
        ("1970-01-01T00:00:00Z", 1.0),
        ("1970-01-01T00:01:00Z", None),
        ("1970-01-01T00:02:00Z", 3.0),
    ]


async def test_those_that_were_selected_are_compared(site: Any) -> None:
    ids = await site.asics(*(f"hall-{n}" for n in range(10)))
    html = await site.get(f"/asics/compare?rigs={ids[0]},{ids[1]}&kind=asic&back=/asics")
    assert "hall-0</a>, " in html
    assert f'href="/asics/compare?rigs={ids[0]}%2C{ids[1]}&amp;from=-7d"' in html
    assert f"/asics/compare.csv?rigs={ids[0]}%2C{ids[1]}" in html
    html = await site.get("/asics/compare?those=filter&q=hall&state=&coin=&kind=asic")
    assert html.count('href="/asics/') >= 8
    assert "hall-9" not in html, "eight can be told apart"
    assert "the first 8 of the 10 that were selected" in html
    assert "No rigs to compare" in await site.get("/asics/compare?rigs=999")
    await site.get("/asics/compare.csv?rigs=999", 400)
