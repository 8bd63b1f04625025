"""Where rigs are and their tags: one by one and many at once, kept, searched by, and refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from rigfarm.commander.changes import Change, change_under_way
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import MAX_TAGS, Relabel, clean_place, clean_tags, within

HTMX = {"headers": {"HX-Request": "true"}}


def test_a_place_is_its_levels() -> None:
    assert clean_place(" hall 2 // row-1/rack.3/ ") == "hall 2/row-1/rack.3"
    assert clean_place("  ") == ""
    assert list(within("hall-2/row-1/rack-3")) == ["hall-2/row-1/rack-3", "hall-2/row-1", "hall-2"]
    assert list(within("")) == []


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("a/b/c/d/e/f/g", "at most 6 levels"),
        ("x" * 33, "at most 32 letters"),
        ('hall"2', "letters, digits, spaces"),
        ("hall\x002", "letters, digits, spaces"),
        ("hall*", "letters, digits, spaces"),
        ("/".join(["x" * 30] * 5), "at most 120 characters"),
    ],
)
def test_a_place_that_means_nothing(place: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        clean_place(place)


def test_tags_are_words_each_once() -> None:
    assert clean_tags(["#Solar", "solar", " ", "q3-2026", "Ä"]) == ("Solar", "q3-2026", "Ä")
    for bad in ("two words", "a,b", 'a"', "a:b", "-a", "x" * 33, "a\u200bb"):
        with pytest.raises(Invalid, match="A tag is one word"):
            clean_tags([bad])
    with pytest.raises(Invalid, match=f"at most {MAX_TAGS} tags"):
        clean_tags([f"t{n}" for n in range(MAX_TAGS + 1)])


async def test_many_are_labelled_at_once_and_what_is_not_named_stays(site: Any) -> None:
    one, two, three = await site.asics("a", "b", "c")
    await site.book.relabel([one], Relabel(place="hall-1/rack-1", add=("solar",)))
    await site.book.relabel([one, two, 999], Relabel(place="hall-2", add=("new", "SOLAR"), drop=("old",)))
    assert (site.book.get(one).place, site.book.get(one).tags) == ("hall-2", ("new", "solar"))
    assert site.book.get(two).tags == ("new", "SOLAR")
    before = site.book.get(three)
    await site.book.relabel([one, two, three], Relabel(drop=("solar", "new")))
    assert [site.book.get(rig).tags for rig in (one, two)] == [(), ()]
    assert site.book.get(three) is before, "what does not change is not written"
    assert site.book.get(one).place == "hall-2"


async def test_one_too_many_tags_changes_nothing(site: Any) -> None:
    one, two = await site.asics("a", "b")
    await site.book.relabel([one], Relabel(add=tuple(f"t{n}" for n in range(MAX_TAGS))))
    with pytest.raises(Invalid, match="a would have 17 tags"):
        await site.book.relabel([two, one], Relabel(add=("more",)))
    assert site.book.get(two).tags == ()


async def test_they_are_there_after_a_restart(site: Any) -> None:
    (one,) = await site.asics("a")
    await site.book.relabel([one], Relabel(place="hall-1", add=("solar",)))
    async with site.book.storage.read() as tx:
        from rigfarm.commander.rigs.store import load_rigs

        [(rig, _)] = await load_rigs(tx)
    assert (rig.place, rig.tags, rig.revision) == ("hall-1", ("solar",), site.book.get(one).revision)


async def test_the_dialog_of_one_writes_all_anew(site: Any) -> None:
    (one,) = await site.asics("a")
    page = f"/asics/{one}"
    assert "Place and tags of a" in await site.get(f"{page}/labels")
    form = {"kind": "asic", "rigs": str(one), "do": "save", "place": "hall-1 / rack 3", "tags": "solar, noisy"}
    await site.post("/asics/labels", form, 204, **HTMX)
    assert (site.book.get(one).place, site.book.get(one).tags) == ("hall-1/rack 3", ("noisy", "solar"))
    html = await site.get(page)
    assert 'href="/asics?q=place%3A%22hall-1%2Frack+3%22"' in html
    assert 'href="/asics?q=tag%3Asolar"' in html
    refused = await site.post("/asics/labels", {**form, "place": "hall*"}, 422, **HTMX)
    assert "letters, digits, spaces" in refused.text
    assert 'value="hall*"' in refused.text, "what was typed stays"
    await site.post("/asics/labels", {**form, "place": "", "tags": ""}, 204, **HTMX)
    assert (site.book.get(one).place, site.book.get(one).tags) == ("", ())


async def test_the_dialog_of_many_changes_what_was_filled_in(site: Any) -> None:
    one, two, _ = await site.asics("hall-a", "hall-b", "other")
    everything = {"kind": "asic", "those": "filter", "q": "hall", "state": "", "coin": ""}
    ask = (await site.post("/asics/labels", everything, **HTMX)).text
    assert "Place and tags of 2 ASICs" in ask
    chosen = {"kind": "asic", "rigs": f"{one},{two}", "do": "save"}
    await site.post("/asics/labels", {**chosen, "place": "hall-2", "add": "new"}, 204, **HTMX)
    await site.post("/asics/labels", {**chosen, "place": "", "add": "", "drop": "NEW"}, 204, **HTMX)
    assert [(site.book.get(rig).place, site.book.get(rig).tags) for rig in (one, two)] == [("hall-2", ())] * 2
    await site.post("/asics/labels", {**chosen, "place": "hall-9", "nowhere": "1"}, 204, **HTMX)
    assert site.book.get(one).place == ""


async def test_the_last_that_is_left_of_many_loses_nothing(site: Any) -> None:
    one, two = await site.asics("a", "b")
    await site.book.relabel([one], Relabel(place="hall-1", add=("solar",)))
    of_many = {"kind": "asic", "rigs": f"{one},{two}", "do": "save", "place": "", "add": "new", "drop": ""}
    await site.book.remove(two)
    await site.post("/asics/labels", of_many, 204, **HTMX)
    assert (site.book.get(one).place, site.book.get(one).tags) == ("hall-1", ("new", "solar"))


async def test_the_activity_says_what_became_of_many(site: Any) -> None:
    ids = await site.asics("a", "b")
    for changes, said in (
        (Relabel(add=("new",)), {"add": "new", "drop": ""}),
        (Relabel(place="hall-1"), {"place": "hall-1", "add": "", "drop": ""}),
        (Relabel(place=""), {"place": "nowhere", "add": "", "drop": ""}),
    ):
        change = Change("POST /asics/labels", "127.0.0.1")
        with change_under_way(change):
            await site.book.relabel(ids, changes)
        assert change.facts == {"rigs": "2", "names": "a, b"} | said


async def test_the_index_offers_them_as_conditions(site: Any) -> None:
    one, two, three = await site.asics("a", "b", "c")
    await site.book.relabel([one], Relabel(place="hall 2/rack-1", add=("solar",)))
    await site.book.relabel([two], Relabel(place="hall 2/rack-2"))
    html = await site.get("/asics?sort=name")
    assert 'href="/asics?q=place%3A%22hall+2%22&amp;sort=name">hall 2<b>2</b>' in html
    html = await site.get("/asics?q=place%3A%22hall+2%22&sort=name")
    assert f'id="rig-{one}"' in html
    assert f'id="rig-{two}"' in html
    assert f'id="rig-{three}"' not in html
    html = await site.get("/asics?q=place%3A%22hall+2%22+-tag%3Asolar")
    assert f'id="rig-{one}"' not in html
    assert f'id="rig-{two}"' in html
    assert f'id="rig-{one}"' in await site.get("/asics?q=rack-1+solar"), "words find them, too"


async def test_the_api_changes_and_finds_them(site: Any) -> None:
    one, two = await site.asics("a", "b")
    answer = await site.client.patch(f"/api/rigs/{one}", json={"place": "hall-1", "tags": ["x", "y"]})
    assert (answer.json()["place"], answer.json()["tags"]) == ("hall-1", ["x", "y"])
    answer = await site.client.patch(f"/api/rigs/{one}", json={"tags": ["z"], "name": "renamed"})
    assert (answer.json()["place"], answer.json()["tags"], answer.json()["name"]) == ("hall-1", ["z"], "renamed")
    refused = await site.client.patch(f"/api/rigs/{one}", json={"tags": ["never"], "name": "B"})
    assert refused.status_code == 409
    assert site.book.get(one).tags == ("z",), "a name that is taken changes nothing else"
    answer = await site.client.post(
        "/api/rigs/labels", json={"kind": "asic", "filter": {"q": "-tag:z"}, "add_tags": ["new"]}
    )
    assert [rig["id"] for rig in answer.json()] == [two]
    assert [rig["id"] for rig in (await site.client.get("/api/rigs?q=tag:new")).json()] == [two]
    assert (await site.client.patch(f"/api/rigs/{one}", json={"tags": ["a b"]})).status_code == 422
    assert site.book.get(one).tags == ("z",)
