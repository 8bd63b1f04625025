"""The map: every rig once, in its place; sums that add up; tiles that change are sent, and no others."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from rigfarm.commander.places.model import COLOURINGS, UNKNOWN
from rigfarm.commander.places.view import MAX_AREAS, Asked, map_page
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.listing.language import SearchMistake
from rigfarm.commander.rigs.model import Relabel
from rigfarm.units import hashrate
from rigfarm.wire.log import Workload
from support.asic_load import an_asic_log


async def test_every_rig_is_in_its_place_once(site: Any) -> None:
    ids = await site.asics("a-10", "a-9", "b", "c")
    await site.book.relabel(ids[:2], Relabel(place="hall-10/rack-1"))
    await site.book.relabel([ids[2]], Relabel(place="hall-9"))
    page = await map_page(Asked(), site.shown)
    assert [(area.name, [tile.name for tile in area.tiles]) for area in page.areas] == [
        ("hall-9", ["b"]),
        ("hall-10 / rack-1", ["a-9", "a-10"]),
        ("No place", ["c"]),
    ]
    [area] = (await map_page(Asked(q="place:hall-10 -name:10"), site.shown)).areas
    assert [tile.name for tile in area.tiles] == ["a-9"]
    assert (await map_page(Asked(q="nobody"), site.shown)).areas == ()
    with pytest.raises(SearchMistake):
        await map_page(Asked(q="colour:red"), site.shown)


async def test_rigs_that_never_reported_are_not_said_to_be_missing(site: Any) -> None:
    assert not (await map_page(Asked(), site.shown)).waiting
    assert "No rigs yet" in await site.get("/places")
    await site.book.create_many(["rig-1"], "cpu-gpu")
    page = await map_page(Asked(), site.shown)
    assert (page.areas, page.waiting) == ((), True)
    assert "No rig has reported yet" in await site.get("/places")


async def test_many_places_are_gathered_in_what_they_lie_in(site: Any) -> None:
    ids = await site.asics(*(f"r-{n}" for n in range(MAX_AREAS + 1)))
    for n, rig in enumerate(ids):
        await site.book.relabel([rig], Relabel(place=f"hall-{n % 3}/rack-{n}"))
    page = await map_page(Asked(), site.shown)
    assert [area.name for area in page.areas] == ["hall-0", "hall-1", "hall-2"]
    assert sum(len(area.tiles) for area in page.areas) == len(ids)
    assert len(page.rows) == 3 + len(ids), "sums are of every place"


async def test_slots_of_a_rack_are_drawn_as_one_area_in_their_order(site: Any) -> None:
    ids = await site.asics("a", "b", "c", "d", "e", "f")
    for rig, place in zip(ids, ("h/r-1/10", "h/r-1/9", "h/r-2", "h/r-2", "h/r-3/1", "h/r-4"), strict=True):
        await site.book.relabel([rig], Relabel(place=place))
    for search, names in (("", ["h / r-1", "h / r-2", "h / r-3 / 1", "h / r-4"]), ("name:a", ["h / r-1"])):
        areas = (await map_page(Asked(q=search), site.shown)).areas
        assert [area.name for area in areas] == names
        assert [tile.name for tile in areas[0].tiles] == ["b", "a"][-len(areas[0].tiles) :]


async def test_sums_are_of_all_that_lies_in_a_place(site: Any) -> None:
    one, two, three = await site.asics("a", "b", "c")
    await site.book.relabel([one], Relabel(place="hall/rack-1"))
    await site.book.relabel([two, three], Relabel(place="hall/rack-2"))
    site.stats.link_lost(three)
    site.stats.tick(time.monotonic() + 5)
    rows = {(row.depth, row.name): row for row in (await map_page(Asked(), site.shown)).rows}
    assert [row.alive for row in rows.values()] == ["2 of 3", "1 of 1", "1 of 2"]
    assert [row.trouble for row in rows.values()] == [1, 0, 1]
    assert rows[0, "hall"].links == (("3 ASICs", "/asics?q=place%3Ahall"),)
    assert rows[1, "rack-2"].links == (("2 ASICs", "/asics?q=place%3Ahall%2Frack-2"),)
    rates = [sum(share.millihashes for share in site.stats.rigs[rig].contribution.coins) / 1000 for rig in (one, two)]
    assert rows[0, "hall"].coins == (("BTC", hashrate(sum(rates))),)


def test_a_url_is_understood_or_refused() -> None:
    assert Asked.of({"colour": "temp", "q": "x"}).url() == "/places?colour=temp&q=x"
    assert Asked().url(q="a b") == "/places?q=a+b"
    for wrong in ({"colour": "red"}, {"q": "x" * 301}, {"color": "temp"}):
        with pytest.raises(NotUnderstood):
            Asked.of(wrong)


async def test_what_colours_say(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    rig, stats, totals = site.book.get(rig_id), site.stats.rigs[rig_id], site.stats.totals["asic"]
    level, words = COLOURINGS["temp"].of(rig, stats, totals)
    assert level == sum(float(words.split()[0]) >= step for step in (50, 60, 70, 80, 90))
    assert COLOURINGS["normal"].of(rig, stats, totals) == (UNKNOWN, "unknown"), "nothing is normal yet"
    assert COLOURINGS["state"].of(rig, stats, totals)[0] == 0
    site.stats.rest(rig_id, "stopped by an operator")
    for name, one in COLOURINGS.items():
        assert one.of(rig, stats, totals)[0] < len(one.legend), name


async def test_efficiency_is_against_that_of_all_rigs_that_mine_the_coin(site: Any) -> None:
    one, two, three = await site.asics("a", "b", "c")
    for rig, times in ((one, 1.0), (two, 2.0)):
        log = an_asic_log(rig, 2_000_000)
        log.power_w = 1000.0
        log.workloads[:] = [Workload(coin="BTC", hashrate=100e12 * times)]
        site.stats.receive(rig, log)
    log = an_asic_log(three, 2_000_000)
    log.power_w = None
    site.stats.receive(three, log)
    page = await map_page(Asked(colour="efficiency"), site.shown)
    assert {tile.name: (tile.level, tile.said) for tile in page.areas[0].tiles} == {
        "a": (0, "BTC 10.00 J/TH, 67 % of the farm's"),
        "b": (5, "BTC 5.000 J/TH, 133 % of the farm's"),
        "c": (UNKNOWN, "unknown"),
    }


async def test_only_tiles_that_look_otherwise_are_sent(site: Any, changes: Any) -> None:
    one, two = await site.asics("a", "b")
    page, session = site.live("/places?colour=temp")
    frames = await page.snapshot()
    assert json.loads(frames[-1])["event"] == "map"
    changes(session)
    site.stats.receive(one, an_asic_log(one, 2_000_000))
    assert await page.render(changes(session)) == [], "the same degrees are no news"
    hot = an_asic_log(two, 2_000_000)
    hot.devices.core_c[:] = [95.0] * len(hot.devices)
    site.stats.receive(two, hot)
    [frame] = await page.render(changes(session))
    event = json.loads(frame)
    assert event["event"] == "tiles"
    assert [(tile[0], tile[3]) for tile in event["tiles"]] == [(two, 5)]
    await site.book.relabel([one], Relabel(place="hall"))
    frames = await page.render(changes(session))
    assert "hall" in frames[0], "a rig that is elsewhere is there at once"


async def test_an_open_map_of_a_search_has_who_is_found_now(site: Any, changes: Any) -> None:
    one, two = await site.asics("a", "b")
    page, session = site.live("/places?q=state:offline")
    assert json.loads((await page.snapshot())[2])["areas"] == []
    changes(session)
    site.stats.link_lost(two)
    site.stats.tick(time.monotonic() + 5)
    page._maps._made.clear()  # as a second later
    site.shown.rig_list._sorted.clear()
    site.shown.rig_list._found.clear()
    page._sums_at = 0.0
    frames = await page.render(changes(session))
    assert [tile[0] for area in json.loads(frames[2])["areas"] for tile in area] == [two]
    assert one not in page._tiles


async def test_who_opens_a_map_that_another_opened_a_moment_ago_sees_what_changed_since(site: Any) -> None:
    _, two = await site.asics("a", "b")
    first, _ = site.live("/places")
    await first.snapshot()
    site.stats.link_lost(two)
    site.stats.tick(time.monotonic() + 5)
    second, _ = site.live("/places")
    *_, last = await second.snapshot()
    assert json.loads(last)["event"] == "tiles"
    assert [tile[0] for tile in json.loads(last)["tiles"]] == [two]


async def test_the_page_has_all_and_a_mistake_has_none(site: Any) -> None:
    (rig_id,) = await site.asics('<b>"&')
    html = await site.get("/places")
    data = re.search(r'id="map-data">(.*?)</script>', html, re.S)
    assert data is not None
    assert json.loads(data[1])[0][0][:3] == [rig_id, 1, '<b>"&']
    assert '<b>"&' not in html
    html = await site.get("/places?q=temp%3Ehot", 400)
    assert "This search has a mistake" in html
    assert "map-data" not in html
    await site.get("/places?colour=red", 400)
