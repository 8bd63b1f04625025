"""Many rigs at once: made from a pattern or a list, all or none, tokens shown once; removed with count and list."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from rigfarm.commander import channels
from rigfarm.commander.live import ALL
from rigfarm.commander.rigs.many.pages import tokens_csv
from rigfarm.commander.rigs.model import Rig
from rigfarm.wire.commands import Restart

HTMX = {"headers": {"HX-Request": "true"}}


def _tokens(html: str) -> list[dict[str, str]]:
    found = re.search(r'<pre class="tokens"[^>]*>(.*?)</pre>', html, re.DOTALL)
    assert found is not None, html[:500]
    return list(csv.DictReader(io.StringIO(found[1])))


@pytest.mark.parametrize(("path", "kind"), [("/asics", "asic"), ("/rigs", "cpu-gpu")])
async def test_many_are_made_and_their_tokens_are_shown_once(site: Any, path: str, kind: str) -> None:
    assert f"{path}/new/many" in await site.get(f"{path}/new")
    assert f'value="{kind}" checked' in await site.get(f"{path}/new/many")
    made = _tokens((await site.post("/rigs/many", {"kind": kind, "names": "r-{01..03}"})).text)
    assert [one["name"] for one in made] == ["r-01", "r-02", "r-03"]
    for one in made:
        rig = site.book.by_token(one["token"])
        assert (str(rig.id), rig.name, rig.kind) == (one["id"], one["name"], kind)
    again = await site.get(f"{path}?state=waiting")
    assert "r-03" in again
    assert not any(one["token"] in again for one in made)


async def test_those_on_the_index_see_all_of_them(site: Any, changes: Any) -> None:
    page, session = site.live("/asics")
    elsewhere, other = site.live("/rigs")
    await page.snapshot(), await elsewhere.snapshot()
    await site.post("/rigs/many", {"kind": "asic", "names": "a-{1..3}"})
    assert "a-3" in "".join(await page.render(changes(session)))
    assert changes(other) == {}, "who looks at something else hears nothing"


async def test_one_name_that_is_taken_makes_none_and_keeps_what_was_typed(site: Any) -> None:
    await site.book.create("a-2", "cpu-gpu")
    answer = await site.post("/rigs/many", {"kind": "asic", "names": "A-{1..3}\nb"}, 422)
    assert "A-2 is taken." in answer.text
    assert "A-{1..3}\nb</textarea>" in answer.text
    assert 'value="asic" checked' in answer.text
    assert [rig.name for rig in site.book.rigs.values()] == ["a-2"]


async def test_a_preview_names_them_and_says_what_is_double(site: Any) -> None:
    data = {"kind": "asic", "names": "<b>{1..600}\n<b>7"}
    preview = (await site.post("/rigs/new/many/preview", data)).text
    assert "601 ASICs" in preview
    assert "and 101 more" in preview
    assert "&lt;b&gt;7 appears twice." in preview
    assert "<b>" not in preview.replace("<b>1", "")
    assert site.book.rigs == {}


async def test_a_csv_file_is_taken_instead_of_the_field(site: Any) -> None:
    files = {"file": ("farm.csv", b"place;name\r\nhall 1;asic-a\r\nhall 1;asic-b\r\n", "text/csv")}
    made = _tokens((await site.post("/rigs/many", {"kind": "asic", "names": "other"}, files=files)).text)
    assert [one["name"] for one in made] == ["asic-a", "asic-b"]
    broken = {"file": ("farm.xlsx", b"PK\x03\x04\xff\xfe", "application/octet-stream")}
    answer = await site.post("/rigs/many", {"kind": "asic", "names": "kept"}, 422, files=broken)
    assert "This is not a text file" in answer.text


@pytest.mark.parametrize(
    ("names", "says"),
    [("", "Enter at least one name"), ("a{2..1}", "counts down"), ("a{1..5001}", "at most 5\u202f000")],
)
async def test_what_cannot_be_says_what_would_be_right(site: Any, names: str, says: str) -> None:
    assert says in (await site.post("/rigs/many", {"kind": "asic", "names": names}, 422)).text


async def test_a_thousand_are_made_in_one_go(site: Any) -> None:
    made = _tokens((await site.post("/rigs/many", {"kind": "asic", "names": "a{0001..1000}"})).text)
    assert len({one["token"] for one in made}) == 1_000 == len(site.book.rigs)


def test_no_name_becomes_a_formula_of_a_spreadsheet() -> None:
    made = tokens_csv([(Rig(1, '=cmd|"x"', "asic", 0), "rf_a"), (Rig(2, "a,b", "asic", 0), "rf_b")])
    assert made == 'name,id,token\n"\'=cmd|""x""",1,rf_a\n"a,b",2,rf_b'


# Removed


async def test_a_selection_is_removed_after_its_count_its_list_and_what_it_means(site: Any, changes: Any) -> None:
    one, two, stays = await site.asics("asic-01", "asic-02", "asic-03")
    await site.steering.commands.give(Restart(), [one])
    data = {"kind": "asic", "rigs": f"{one},{two},999"}
    ask = (await site.post("/asics/remove", data, **HTMX)).text
    assert "Remove 2 ASICs" in ask
    for part in (
        "<li>asic-01</li>",
        "<li>asic-02</li>",
        "Their history is deleted here, unless you keep it.",
        "1 command without a result",
    ):
        assert part in ask, part
    assert len(site.book.rigs) == 3, "asked, not done"
    index, session = site.live("/asics")
    detail, watching = site.live(f"/asics/{two}")
    await index.snapshot(), await detail.snapshot()
    sure = await site.post("/asics/remove", {**data, "sure": "1"}, 204, **HTMX)
    assert "2 rigs were removed." in sure.headers["hx-trigger"]
    assert list(site.book.rigs) == [stays]
    html = "".join(await index.render(changes(session)))
    assert "asic-03" in html
    assert "asic-01" not in html
    (gone,) = await detail.render(changes(watching))
    assert '"url":"/asics"' in gone
    assert "asic-02 was removed." in gone
    assert site.stats.totals["asic"].rigs == 1
    again = await site.post("/asics/remove", {**data, "sure": "1"}, 204, **HTMX)
    assert "0 rigs were removed." in again.headers["hx-trigger"]


async def test_all_that_match_are_those_of_the_view_on_all_its_pages(site: Any) -> None:
    await site.asics(*(f"hall-{n:03d}" for n in range(60)), "other")
    await site.book.create("waiting", "asic")
    everything = {"kind": "asic", "those": "filter", "q": "", "state": "", "coin": ""}
    assert "Remove 61 ASICs" in (await site.post("/asics/remove", everything)).text
    narrowed = (await site.post("/asics/remove", {**everything, "q": "hall"})).text
    assert "Remove 60 ASICs" in narrowed
    assert "other" not in narrowed
    assert (await site.post("/asics/remove", {**everything, "q": "nothing"}, 422)).text


async def test_rigs_of_the_other_kind_are_not_removed_by_mistake(site: Any) -> None:
    (asic,) = await site.asics("asic-01")
    rig, _ = await site.book.create("rig-01", "cpu-gpu")
    ask = (await site.post("/asics/remove", {"kind": "asic", "rigs": f"{asic},{rig.id}"})).text
    assert "Remove asic-01?" in ask
    assert "rig-01" not in ask


async def test_removing_one_says_what_it_costs(site: Any) -> None:
    (asic,) = await site.asics("asic-01")
    ask = await site.get(f"/asics/{asic}/remove")
    assert "the ASIC itself keeps mining" in ask
    assert "invalid token" in ask
    assert "Its history of 0 s is deleted here, unless you keep it." in ask
    rig, _ = await site.book.create("rig-01", "cpu-gpu")
    assert "It has never reported" in await site.get(f"/rigs/{rig.id}/remove")


async def test_nobody_hears_of_rigs_that_were_not_there(site: Any) -> None:
    (asic,) = await site.asics("asic-01")
    _, session = site.live("/rigs")
    session.follow(channels.index("cpu-gpu"), {ALL})
    assert [rig.id for rig in await site.book.remove_many([asic, asic, 77])] == [asic]
    assert not [channel for channel, _ in session._pending if channel == channels.index("cpu-gpu")]
