"""A rig that a person works on needs no attention, says who and since when, and does not hide how it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from rigfarm.commander.changes import Actor, Change, change_under_way
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from support.until import until

HTMX = {"headers": {"HX-Request": "true"}}
HOUR_MS = 3_600_000


async def _offline(site: Any, *names: str) -> list[int]:
    ids = await site.asics(*names)
    for rig_id in ids:
        site.stats.link_lost(rig_id)
    site.stats.tick(time.monotonic() + 5)
    assert all(site.stats.rigs[rig_id].condition.state == "offline" for rig_id in ids)
    return list(ids)


async def test_it_works(site: Any) -> None:
    away, also_away = await _offline(site, "asic-1", "asic-2")
    await site.asics("asic-3")
    totals = site.stats.totals["asic"]
    assert totals.sick.total() == 2
    with change_under_way(Change("POST", "192.0.2.1", Actor("command", "Kim"))):
        await site.book.maintenance.start([away], "new fans", utc_ms() + HOUR_MS)
    assert totals.sick.total() == 1
    assert (totals.maintained, totals.states["offline"], totals.rigs) == (1, 2, 3), "it is offline all the same"

    ill = {one["id"] for one in (await site.client.get("/api/rigs?kind=asic&state=attention")).json()}
    assert ill == {also_away}
    (one,) = (await site.client.get("/api/rigs?kind=asic&state=maintenance")).json()
    assert (one["id"], one["state"], one["reason"]) == (away, "offline", "link lost")
    assert (one["maintenance"]["by"], one["maintenance"]["reason"]) == ("Kim", "new fans")
    overview = await site.get("/")
    assert "asic-2" in overview
    assert "asic-1" not in overview, "it needs no attention"
    assert "<b>1</b> in maintenance" in overview
    row = site.shown.row(away)
    assert "maintenance" in row
    assert "offline · link lost" in row
    page = await site.get(f"/asics/{away}")
    assert "by Kim: <q>new fans</q>" in page
    assert "maintenance · by Kim · new fans" in page, "in its events, too"


async def test_it_ends_by_a_person_or_as_planned(site: Any) -> None:
    one, two, three = await _offline(site, "asic-1", "asic-2", "asic-3")
    await site.book.maintenance.start([one, two], until_ms=utc_ms() + 300)
    await site.book.maintenance.start([three])
    first = site.book.get(one).maintenance.since
    await site.book.maintenance.start([one], "takes longer", utc_ms() + HOUR_MS)
    assert site.book.get(one).maintenance.since == first, "since when it is, not since when it was prolonged"
    async with _background(site.book):
        await until(lambda: site.book.get(two).maintenance is None, "the planned end")
    assert site.stats.rigs[two].condition.severity == 2
    assert site.book.get(one).maintenance is not None
    assert site.book.get(three).maintenance is not None, "it has no end"
    assert (await site.client.delete(f"/api/rigs/{three}/maintenance")).status_code == 204
    assert site.stats.rigs[three].condition.severity == 2


class _background:
    def __init__(self, book: Rigs) -> None:
        self._book = book

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._book.maintenance.end_planned(Part()))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()


async def test_it_outlives_a_restart_and_a_new_token_is_still_due(site: Any) -> None:
    away, rotated = await _offline(site, "asic-1", "asic-2")
    await site.book.maintenance.start([away], "new fans")
    _, token = await site.book.rotate_token(rotated)
    again = Rigs(site.book.storage, site.hub, site.events)
    await again.load()
    assert again.get(away).maintenance == site.book.get(away).maintenance
    assert again.get(away).revision == site.book.get(away).revision
    assert again.get(rotated).token_due
    assert not again.get(away).token_due
    again.said.connected(rotated)
    await again.said.store()
    last = Rigs(site.book.storage, site.hub, site.events)
    await last.load()
    found = last.by_token(token)
    assert found is not None
    assert not found.token_due


async def test_a_selection_is_put_into_it_on_the_index(site: Any) -> None:
    ids = await _offline(site, "hall-1", "hall-2")
    await site.asics("other")
    everything = {"kind": "asic", "those": "filter", "q": "hall", "state": "", "coin": ""}
    ask = (await site.post("/asics/maintenance", everything, **HTMX)).text
    assert "Start maintenance on 2 ASICs</button>" in ask
    assert "<li>hall-2</li>" in ask
    assert "End maintenance" not in ask
    chosen = {"kind": "asic", "rigs": ",".join(map(str, ids)), "do": "start", "reason": "power cut", "ends": "4"}
    refused = await site.post("/asics/maintenance", {**chosen, "reason": "x" * 201}, 422, **HTMX)
    assert "at most 200 characters" in refused.text
    answer = await site.post("/asics/maintenance", chosen, 204, **HTMX)
    assert "In maintenance: 2 ASICs." in answer.headers["HX-Trigger"]
    for rig_id in ids:
        said = site.book.get(rig_id).maintenance
        assert said.reason == "power cut"
        assert 3 * HOUR_MS < said.until - utc_ms() <= 4 * HOUR_MS
    html = await site.get("/asics?state=maintenance")
    assert "hall-1" in html
    assert ">other<" not in html
    assert "End maintenance of 2 ASICs</button>" in (await site.post("/asics/maintenance", everything, **HTMX)).text
    await site.post("/asics/maintenance", {**chosen, "do": "end"}, 303)
    assert all(site.book.get(rig_id).maintenance is None for rig_id in ids)


async def test_open_pages_show_it_at_once(site: Any, changes: Any) -> None:
    (rig_id,) = await _offline(site, "asic-1")
    index, index_session = site.live("/asics")
    await index.snapshot()
    page, session = site.live(f"/asics/{rig_id}")
    await page.snapshot()
    await site.book.maintenance.start([rig_id], "<b>fans</b>")
    shown = "".join(await page.render(changes(session)))
    assert "&lt;b&gt;fans&lt;/b&gt;" in shown
    assert "End maintenance</button>" in shown
    assert "maintenance" in "".join(await index.render(changes(index_session)))
    await site.book.maintenance.end([rig_id])
    assert "End maintenance</button>" not in "".join(await page.render(changes(session)))


@pytest.mark.parametrize("until_ms", [0, -1, 2**60])
async def test_an_end_that_cannot_be_is_refused(site: Any, until_ms: int) -> None:
    (rig_id,) = await site.asics("asic-1")
    with pytest.raises(Invalid, match="future"):
        await site.book.maintenance.start([rig_id], until_ms=until_ms)
    assert site.book.get(rig_id).maintenance is None
