"""The farm as a spreadsheet: out and back changes nothing, every difference is shown, and a slip does nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.many.sheet import apply_sheet, plan_sheet, sheet_rows
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.rigs.store import load_rigs
from rigfarm.commander.web.csv_text import csv_text


async def test_out_and_back_changes_nothing_whatever_names_there_are(site: Any) -> None:
    ids = await site.asics("=1+1", '"quoted", and; more', "-dash", "'=x", "@x")
    await site.book.relabel(ids[:2], Relabel(place="hall 2/rack-1", add=("solar", "new")))
    text = csv_text(sheet_rows(site.book.rigs.values()))
    plan = plan_sheet(text, site.book)
    assert [(change.rig.name, change.differences) for change in plan.changes if change.rig.name != "'=x"] == []
    assert plan.problems == []
    assert plan.rows == 5


async def test_every_difference_is_shown_and_done(site: Any) -> None:
    one, two, three = await site.asics("a", "b", "c")
    await site.book.relabel([one], Relabel(place="hall-1", add=("old", "stays")))
    plan = plan_sheet(f"id;tags;place;name\n{one};stays new;;renamed\n{two};;;b\n", site.book)
    [change] = plan.changes
    assert change.differences == (
        ("name", "a", "renamed"),
        ("place", "hall-1", ""),
        ("tags", "old stays", "new stays"),
    )
    before = site.book.get(three)
    assert await apply_sheet(plan, site.book) == 1
    rig = site.book.get(one)
    assert (rig.name, rig.place, rig.tags) == ("renamed", "", ("new", "stays"))
    assert site.book.get(three) is before, "what is left out stays"
    with pytest.raises(Invalid, match="changed in the meantime"):
        await apply_sheet(plan, site.book)


async def test_two_sheets_at_once_are_done_whole_or_not_at_all(site: Any) -> None:
    a, b, c, d = await site.asics("a", "b", "c", "d")
    first = plan_sheet(f"id,name,place\n{a},new-a,hall-1\n{b},new-b,\n", site.book)
    second = plan_sheet(f"id,name,place\n{c},new-c,hall-2\n{d},NEW-A,\n", site.book)
    done = await asyncio.gather(apply_sheet(first, site.book), apply_sheet(second, site.book), return_exceptions=True)
    assert done[0] == 2
    assert isinstance(done[1], Conflict)
    assert [rig.name for rig in site.book.rigs.values()] == ["new-a", "new-b", "c", "d"]
    assert (site.book.get(a).place, site.book.get(c).place) == ("hall-1", "")
    assert not site.book.name_taken("a")
    async with site.book.storage.read() as tx:
        assert {rig.id: rig for rig, _ in await load_rigs(tx)} == site.book.rigs


@pytest.mark.parametrize(
    ("sheet", "says"),
    [
        ("", "The first row names the columns"),
        ("name,place\na,b\n", "The first row names the columns"),
        ("id,id\n1,2\n", "each once"),
        ("id,hashrate\n1,5\n", "Unknown column hashrate"),
    ],
)
async def test_what_is_no_sheet_is_refused(site: Any, sheet: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        plan_sheet(sheet, site.book)


async def test_one_problem_and_nothing_is_done(site: Any) -> None:
    one, two = await site.asics("a", "b")
    sheet = f"id,name,place,tags,revision\n{one},ok,,,\n99,x,,,\n{two},A,,,\n{two},b,,,\n{two},b,,,777\n,x,,,\n"
    plan = plan_sheet(sheet, site.book)
    assert plan.problems == [
        "Row 3: there is no rig 99.",
        "Row 5: b is there twice.",
        "Row 6: b is there twice.",
        "Row 7: there is no rig without an id.",
        "b cannot be named A: another rig has this name.",
    ]
    stale = plan_sheet(f"id,revision,place\n{one},{site.book.get(one).revision + 1},x\n", site.book)
    assert stale.problems == ["Row 2: a was changed since the export. Export again."]
    wrong = plan_sheet(f"id,place,tags\n{one},hall*,\n{two},,a:b\n", site.book)
    assert [one[:6] for one in wrong.problems] == ["Row 2:", "Row 3:"]


async def test_the_pages(site: Any) -> None:
    one, two = await site.asics("a", "b")
    exported = await site.get("/asics.csv")
    assert exported.splitlines()[0] == "id,name,place,tags,revision"
    assert len(exported.splitlines()) == 3
    assert (await site.get("/asics.csv?q=name%3Aa")).splitlines()[1].startswith(f"{one},a,")
    assert "Show differences" in await site.get("/asics/sheet")
    edited = exported.replace(f"{one},a,,", f"{one},a,hall-1,")
    file = {"files": {"file": ("farm.csv", edited.encode("utf-8-sig"), "text/csv")}}
    shown = (await site.post("/asics/sheet", {}, **file)).text
    assert "1 ASIC would change. Nothing has been changed yet." in shown
    assert "<b>hall-1</b>" in shown
    assert site.book.get(one).place == ""
    await site.post("/asics/sheet", {"sheet": edited, "do": "apply"}, 303)
    assert site.book.get(one).place == "hall-1"
    again = (await site.post("/asics/sheet", {"sheet": edited, "do": "apply"}, 422)).text
    assert "a was changed since the export" in again
    assert (
        "not a text file" in (await site.post("/asics/sheet", {}, 422, files={"file": ("x", b"\xff\xfe", "a/b")})).text
    )
    assert site.book.get(two).place == ""
