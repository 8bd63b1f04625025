"""Rules are kept as they were checked, in their order, with names of their own."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.fields import checked
from rigfarm.commander.placing import PlacingRules
from rigfarm.commander.placing.model import MAX_RULES, PlacingForm
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid


async def test_rules_and_what_they_placed_outlast_a_restart(site: Any) -> None:
    first = await site.rule(" Racks ", pattern="r{rack}", place="hall-1//rack-{rack}", tags=("#new",))
    second = await site.rule("subnet", address="10.1.2.77/24", kind="asic", place="hall-2", automatic=False)
    await site.rules.reorder([second.id, first.id])
    await site.add("r1", "x")
    plan = await site.rules.plan("without-place")
    await site.rules.apply("without-place", plan.digest)
    again = PlacingRules(site.storage, site.hub, site.rigs, site.stats)
    await again.load()
    assert again.listed() == site.rules.listed() == [second, first]
    assert (first.form.name, first.form.place, first.form.tags) == ("Racks", "hall-1/rack-{rack}", ("new",))
    assert second.form.address == "10.1.2.0/24"
    assert again.counts() == site.rules.counts() == {first.id: 1}


async def test_a_removed_rig_is_not_counted_and_a_removed_rule_moves_none(site: Any) -> None:
    rule = await site.rule("racks", pattern="r{rack}", place="rack-{rack}")
    one, _ = await site.add("r1", "r2")
    await site.rules.apply("without-place", (await site.rules.plan("without-place")).digest)
    await site.rigs.remove(one)
    assert site.rules.counts() == {rule.id: 1}
    again = PlacingRules(site.storage, site.hub, site.rigs, site.stats)
    await again.load()
    assert again.counts() == {rule.id: 1}
    await site.rules.remove(rule.id)
    assert site.places() == {"r2": "rack-2"}
    with pytest.raises(Absent):
        site.rules.get(rule.id)


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({"place": "hall-1"}, "pattern", "Say which rigs"),
        ({"pattern": "r{rack}", "place": ""}, "place", "Enter the place"),
        ({"pattern": "r{rack}", "place": "{slot}"}, "place", "Its parts: {rack}."),
        ({"pattern": "r{rack}", "place": "rack-{}"}, "place", "{} is not a part of this rule"),
        ({"pattern": "r*", "place": "{rack}"}, "place", "none, because neither"),
        ({"pattern": "r{rack}", "place": "hall*"}, "place", "Each level of a place"),
        ({"pattern": "r{rack}", "place": "a/b/c/d/e/f/{rack}"}, "place", "at most 6 levels"),
        ({"pattern": "r{rack}", "address": "10.1.{rack}.*", "place": "x"}, "place", "in the name and in the address"),
        ({"pattern": "{", "place": "x"}, "pattern", "A brace is not closed"),
        ({"address": "10.1", "place": "x"}, "address", "Enter a subnet"),
        ({"pattern": "x", "place": "x", "tags": ("a:b",)}, "tags", "A tag is one word"),
        ({"pattern": "x", "place": "x", "tags": tuple(f"t{n}" for n in range(17))}, "tags", "at most 16"),
        ({"pattern": "x", "place": "x", "kind": "gpu"}, "kind", "Choose one of"),
        ({"pattern": "x" * 101, "place": "x"}, "pattern", "at most 100"),
        ({"pattern": "x", "place": "x" * 201}, "place", "at most 200"),
    ],
)
async def test_what_cannot_be_right_is_refused_where_it_stands(site: Any, form: Any, field: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        await site.rule("wrong", **form)
    assert list(refused.value.fields) == [field]
    assert says in refused.value.fields[field]
    assert site.rules.listed() == []


def test_what_was_checked_is_checked_again_without_a_change() -> None:
    form = checked(
        PlacingForm(name="x", pattern=" r{rack}-* ", address="fd00::/16", place=" a / {rack} ", tags=("b", "B", "a"))
    )
    assert checked(form) == form
    assert (form.pattern, form.place, form.tags) == ("r{rack}-*", "a/{rack}", ("b", "a"))


async def test_names_are_distinct_and_there_are_not_too_many(site: Any) -> None:
    first = await site.rule("racks", pattern="a", place="x")
    with pytest.raises(Conflict, match="already exists"):
        await site.rule("RACKS", pattern="b", place="x")
    for number in range(MAX_RULES - 1):
        await site.rule(f"rule {number}", pattern="a", place="x")
    with pytest.raises(Conflict, match="maximum"):
        await site.rule("one more", pattern="a", place="x")
    assert [rule.name for rule in site.rules.listed()][:2] == ["racks", "rule 0"]
    await site.rules.remove(first.id)
    await site.rule("one more", pattern="a", place="x")
    assert site.rules.listed()[-1].name == "one more"


async def test_a_change_of_a_rule_that_was_changed_meanwhile_is_refused(site: Any) -> None:
    rule = await site.rule("racks", pattern="a", place="x")
    changed = await site.rules.change(rule.id, replace(rule.form, place="y"), 1)
    assert (changed.revision, changed.form.place) == (2, "y")
    with pytest.raises(ChangedMeanwhile):
        await site.rules.change(rule.id, replace(rule.form, place="z"), 1)
    assert await site.rules.change(rule.id, changed.form, 2) == changed, "the same is no new revision"
    with pytest.raises(Absent):
        await site.rules.change(rule.id + 1, rule.form)


async def test_the_order_is_of_all_rules_each_once(site: Any) -> None:
    a, b, c = [(await site.rule(name, pattern=name, place="x")).id for name in "abc"]
    for wrong in ([a, b], [a, b, b], [a, b, c, c + 1], []):
        with pytest.raises(Invalid, match="every rule once"):
            await site.rules.reorder(wrong)
    await site.rules.step(c, -1)
    assert [rule.id for rule in site.rules.listed()] == [a, c, b]
    await site.rules.step(a, -1)
    await site.rules.step(b, 1)
    assert [rule.id for rule in site.rules.listed()] == [a, c, b], "first and last stay there"
    await site.rules.step(a, 1)
    assert [rule.id for rule in site.rules.listed()] == [c, a, b]
    again = PlacingRules(site.storage, site.hub, site.rigs, site.stats)
    await again.load()
    assert [rule.id for rule in again.listed()] == [c, a, b]
