"""Charts of a range of time on the pages of rigs and on the overview: the URL says which range, and they have it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rigfarm.commander.history.chunks.columns import pack
from rigfarm.commander.history.happened.facts import Happened, StateWas
from rigfarm.commander.history.happened.rows import write
from rigfarm.commander.history.model import row_id
from rigfarm.commander.history.store import Store
from rigfarm.common.clock import utc_ms
from support.load import a_log

HOUR_MS = 3_600_000


def charts(html: str) -> Any:
    """What the page's charts begin with."""
    found = re.search(r'id="chart-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


async def a_rig(site: Any) -> int:
    """One that reported, and whose last hours are in the history."""
    rig, _ = await site.book.create("rig-07", "cpu-gpu")
    site.stats.link_up(rig.id)
    site.stats.receive(rig.id, a_log(rig.id, utc_ms()))
    site.book.said.reported(rig.id)
    await site.book.said.store()
    store = Store(site.history.path)
    with store.transaction():
        now = utc_ms()
        columns = {("coin", "KAS", "mean"): [9_000_000] * 60, ("coin", "KAS", "ms"): [60_000] * 60}
        store.put("minutes", ((row_id(now // HOUR_MS - n, rig.id), pack(60, columns)) for n in range(30)))
        work = {("coin", "KAS", "work"): [60_000_000] * 60, ("state", "online", "ms"): [60_000] * 60}
        store.put("minute_totals", ((row_id(now // HOUR_MS - n, 1), pack(60, work)) for n in range(30)))
        store.set_note("until_ms", now)
    store.close()
    return int(rig.id)


async def test_a_rig_shows_its_last_hour_first(site: Any) -> None:
    rig = await a_rig(site)
    html = await site.get(f"/rigs/{rig}")
    assert 'aria-current="true">1 h<' in html
    assert charts(html)["from_ms"] is None


@pytest.mark.parametrize(("begin", "points"), [("-6h", 361), ("-24h", 1441)])
async def test_a_preset_is_in_the_url_and_the_page_has_its_data(site: Any, begin: str, points: int) -> None:
    rig = await a_rig(site)
    html = await site.get(f"/rigs/{rig}?from={begin}")
    data = charts(html)
    assert points - 2 <= len(data["t"]) <= points
    assert [chart["id"] for chart in data["charts"]] == ["hashrate-0", "temperature", "power"]
    assert data["to_ms"] - data["from_ms"] == data["span_ms"]
    assert f'aria-current="true">{begin[1:-1]} h<' in html
    assert f"/api/history.csv?rig={rig}&amp;from={begin}&amp;to=now" in html


async def test_the_overview_shows_a_day_of_the_farm(site: Any) -> None:
    await a_rig(site)
    html = await site.get("/")
    data = charts(html)
    assert data["charts"][0]["series"][0]["values"][-2] == pytest.approx(1e6)
    assert 'aria-current="true">24 h<' in html


async def test_an_absolute_range_can_be_left(site: Any) -> None:
    rig = await a_rig(site)
    html = await site.get(f"/rigs/{rig}?from=2026-11-29T03:00:00Z&to=2026-11-29T04:00:00Z")
    assert 'aria-current="true">' not in html.split("ranges", 1)[1].split("</nav>", 1)[0]
    assert f'<a href="/rigs/{rig}" data-reset>' in html


@pytest.mark.parametrize("query", ["?from=soon", "?to=-1h&from=now", "?since=-1h"])
async def test_a_range_that_means_nothing_is_refused(site: Any, query: str) -> None:
    rig = await a_rig(site)
    await site.get(f"/rigs/{rig}{query}", 400)
    await site.get(f"/{query}", 400)
    assert site.routes.find(f"/rigs/{rig}{query}") is None
    assert site.routes.find(f"/{query}") is None


async def test_history_that_cannot_be_read_leaves_the_page(site: Any) -> None:
    rig = await a_rig(site)
    site.history.path.write_bytes(b"x" * 100_000)
    html = await site.get(f"/rigs/{rig}?from=-24h")
    assert "History cannot be read at the moment" in html
    assert "rig-07" in html


async def test_an_empty_farm_has_no_charts(site: Any) -> None:
    assert "chart-data" not in await site.get("/")


async def test_a_page_of_a_range_that_ends_now_is_read_again_now_and_then(site: Any, changes: Any) -> None:
    rig = await a_rig(site)
    page, session = site.live(f"/rigs/{rig}?from=-24h")
    assert any('"points"' in frame and '"to_ms"' in frame for frame in await page.snapshot())
    site.stats.receive(rig, a_log(rig, utc_ms() + 5_000))
    assert not any('"points"' in frame for frame in await page.render(changes(session)))
    page._read_at -= 120
    site.stats.receive(rig, a_log(rig, utc_ms() + 10_000))
    assert any('"to_ms"' in frame for frame in await page.render(changes(session)))


async def test_what_history_has_not_written_yet_comes_from_the_journal(site: Any) -> None:
    rig = await a_rig(site)
    store = Store(site.history.path)
    with store.transaction():
        store.set_note("until_ms", utc_ms() - 600_000)
    store.close()
    for _ in range(3):
        site.stats.lately["cpu-gpu"].sample(site.stats.totals["cpu-gpu"], utc_ms())
        site.stats.lately["asic"].sample(site.stats.totals["asic"], utc_ms())
    for path, name in ((f"/rigs/{rig}?from=-6h", "rig"), ("/?from=-6h", "farm")):
        data = charts(await site.get(path))
        assert utc_ms() - data["t"][-1] < 120_000, name
        assert len(data["t"]) < 362 - 8
        power = next(chart for chart in data["charts"] if chart["id"] == "power")
        assert all(len(one["values"]) == len(data["t"]) for one in power["series"])


async def test_the_period_before_is_shown_beside_this_one(site: Any) -> None:
    rig = await a_rig(site)
    html = await site.get(f"/rigs/{rig}?from=-6h&before=1")
    series = charts(html)["charts"][0]["series"]
    assert [(one["name"], one["before"]) for one in series] == [("KAS", False), ("KAS before", True)]
    assert len(series[0]["values"]) == len(series[1]["values"])
    assert f'href="/rigs/{rig}?from=-6h" aria-current="true">Compare<' in html
    assert f'href="/rigs/{rig}?from=-24h&amp;before=1"' in html


async def test_devices_and_what_happened_are_on_the_charts(site: Any) -> None:
    rig = await a_rig(site)
    store = Store(site.history.path)
    with store.transaction():
        now = utc_ms()
        rates = {("gpu0:rate", "KAS", "mean"): [9_000_000] * 60, ("gpu0", "core_c", "mean"): [8_500_000] * 60}
        rates |= {("gpu0", "core_c", "max"): [8_500_000] * 60}
        rates |= {("coin", "KAS", "mean"): [9_000_000] * 60, ("coin", "KAS", "ms"): [60_000] * 60}
        store.put("minutes", [(row_id(now // HOUR_MS - 1, rig), pack(60, rates))])
        write(store, [Happened(now - HOUR_MS, rig, StateWas("degraded", "GPU 0 at 95 °C", severity=2))])
    store.close()
    html = await site.get(f"/rigs/{rig}?from=-6h&devices=1")
    data = charts(html)
    assert [chart["title"] for chart in data["charts"] if chart["id"].startswith("device-")] == [
        "KAS by device",
        "Core by device",
    ]
    assert [one["text"] for one in data["marks"] if one["level"] == 2] == ["degraded, GPU 0 at 95 °C"]
    assert f"/api/history.csv?rig={rig}&amp;detail=devices&amp;from=-6h&amp;to=now" in html
    assert '<noscript><div class="course"><table>' in html


async def test_a_renamed_rig_keeps_its_history(site: Any) -> None:
    rig = await a_rig(site)
    before = charts(await site.get(f"/rigs/{rig}?from=-24h&to={utc_ms()}"))["charts"]
    await site.book.rename(rig, "rig-08")
    html = await site.get(f"/rigs/{rig}?from=-24h&to={utc_ms()}")
    assert "rig-08" in html
    assert charts(html)["charts"][0]["series"][0]["values"][5:60] == before[0]["series"][0]["values"][5:60]
