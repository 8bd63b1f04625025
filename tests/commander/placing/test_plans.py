"""A plan says where each rig would go and why others stay; what was seen is done, or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.changes import Change, change_under_way
from rigfarm.commander.placing.model import PlacingForm
from rigfarm.commander.refusals import ChangedMeanwhile, Invalid
from rigfarm.commander.rigs.model import Relabel


def left(plan: Any) -> dict[str, list[str]]:
    return {one.why: [name for _, name in one.rigs] for one in plan.skipped}


async def test_the_first_rule_that_matches_decides(site: Any) -> None:
    await site.rule("by name", pattern="r{rack}-{slot:number}", place="hall-1/rack-{rack}/slot-{slot}", tags=("new",))
    await site.rule("asics", address="10.1.2.0/24", kind="asic", place="hall-1/rack-2")
    await site.rule("rest", address="10.0.0.0/8", place="hall-9")
    r1, r10, r2, plain = await site.add("r1-1", "R10-2", "r2-x", "plain")
    asic, silent = await site.add("asic-1", "asic-2", kind="asic")
    for rig_id, address in ((r1, "10.1.2.9"), (r2, "10.1.2.9"), (asic, "10.1.2.7"), (plain, "192.168.0.9")):
        site.report(rig_id, address)
    plan = await site.rules.plan("without-place")
    assert [(move.name, move.to, move.rule) for move in plan.moves] == [
        ("asic-1", "hall-1/rack-2", "asics"),
        ("r1-1", "hall-1/rack-1/slot-1", "by name"),
        ("r2-x", "hall-9", "rest"),
        ("R10-2", "hall-1/rack-10/slot-2", "by name"),
    ]
    assert left(plan) == {"no rule matches": ["plain"], "no rule matches; its address is not known": ["asic-2"]}
    assert site.places() == dict.fromkeys(site.places(), ""), "a plan changes nothing"
    await site.rules.apply("without-place", plan.digest)
    assert site.rigs.get(r10).tags == ("new",)
    assert (site.rigs.get(asic).place, site.rigs.get(silent).place) == ("hall-1/rack-2", "")


async def test_rigs_that_have_a_place_are_moved_only_if_that_was_asked_for(site: Any) -> None:
    rule = await site.rule("racks", pattern="{hall:1}{rack}", place="{hall}/{rack}")
    by_rule, by_hand, there = await site.add("a1", "a2", "a3")
    await site.rigs.relabel([by_hand], Relabel(place="cellar"))
    await site.rigs.relabel([there], Relabel(place="a/3"))
    await site.rules.apply("without-place", (await site.rules.plan("without-place")).digest)
    await site.rules.change(rule.id, replace(rule.form, place="hall-{hall}/{rack}"))
    plan = await site.rules.plan("without-place")
    assert plan.moves == []
    assert left(plan) == {
        "has a place already, given by hand": ["a2", "a3"],
        "has a place already, given by a rule": ["a1"],
    }
    plan = await site.rules.plan("placed-by-rules")
    assert [(move.name, move.place, move.to) for move in plan.moves] == [("a1", "a/1", "hall-a/1")]
    plan = await site.rules.plan("all")
    assert [move.name for move in plan.moves] == ["a1", "a2", "a3"]
    await site.rules.apply("all", plan.digest)
    assert site.places() == {"a1": "hall-a/1", "a2": "hall-a/2", "a3": "hall-a/3"}
    assert left(await site.rules.plan("all")) == {"is in its place already": ["a1", "a2", "a3"]}
    await site.rigs.relabel([by_rule], Relabel(place="cellar"))
    assert left(await site.rules.plan("placed-by-rules"))["has a place already, given by hand"] == ["a1"]


@pytest.mark.parametrize(
    "change", ["a rig's name", "a rig's address", "a new rig", "the order", "a rule", "a removed rig"]
)
async def test_a_plan_that_is_another_one_by_now_is_not_done(site: Any, change: str) -> None:
    first = await site.rule("a", pattern="r*", address="10.1.0.0/16", place="x")
    second = await site.rule("b", pattern="r*", place="y")
    one, two = await site.add("r1", "r2")
    site.report(one, "10.1.0.1")
    plan = await site.rules.plan("without-place")
    match change:
        case "a rig's name":
            await site.rigs.rename(two, "r3")
        case "a rig's address":
            site.report(one, "10.2.0.1")
        case "a new rig":
            await site.add("r4")
        case "the order":
            await site.rules.reorder([second.id, first.id])
        case "a rule":
            await site.rules.change(second.id, replace(second.form, tags=("t",)))
        case "a removed rig":
            await site.rigs.remove(two)
    with pytest.raises(ChangedMeanwhile, match="no rig was moved"):
        await site.rules.apply("without-place", plan.digest)
    assert not any(site.places().values())
    with pytest.raises(ChangedMeanwhile):
        await site.rules.apply("all", plan.digest)


async def test_two_that_apply_one_plan_at_once_are_one_who_does_and_one_who_is_told(site: Any) -> None:
    await site.rule("a", pattern="r*", place="x")
    await site.add("r1", "r2")
    digest = (await site.rules.plan("without-place")).digest
    done = await asyncio.gather(*(site.rules.apply("without-place", digest) for _ in range(2)), return_exceptions=True)
    assert [isinstance(one, ChangedMeanwhile) for one in done] == [False, True]
    assert set(site.places().values()) == {"x"}


async def test_a_rig_that_is_changed_while_others_are_moved_keeps_all_from_it(site: Any) -> None:
    await site.rule("a", pattern="r*", place="x")
    one, _ = await site.add("r1", "r2")
    plan = await site.rules.plan("without-place")
    await site.rigs.relabel([one], Relabel(place="by hand"))
    with pytest.raises(ChangedMeanwhile, match="none was moved"):
        await site.rules.move(plan.moves)
    assert site.places() == {"r1": "by hand", "r2": ""}


async def test_what_cannot_be_is_said_and_keeps_no_other_from_its_place(site: Any) -> None:
    await site.rule("long", pattern="{a}-{b}", place="{a}/{b}", tags=("t0",))
    long, full, _ = await site.add("a" * 40 + "-x", "b-1", "c-1")
    await site.rigs.relabel([full], Relabel(add=tuple(f"t{n}" for n in range(1, 17))))
    plan = await site.rules.plan("without-place")
    assert [move.name for move in plan.moves] == ["c-1"]
    [first, second] = left(plan)
    assert first.startswith("cannot be placed by long: Each level of a place has at most 32")
    assert "at most 16" in second
    assert long not in [move.rig_id for move in plan.moves]


async def test_the_activity_says_who_moved_what_from_where_to_where(site: Any) -> None:
    await site.rule("a", pattern="r*", place="x")
    one, two = await site.add("r1", "r2")
    plan = await site.rules.plan("without-place")
    change = Change("POST", "here")
    with change_under_way(change):
        await site.rules.apply("without-place", plan.digest)
    assert change.action == "apply placing rules"
    assert change.targets == {"rig": {one: "r1", two: "r2"}}
    assert change.compared == {"r1": ("", "x"), "r2": ("", "x")}
    assert change.facts["rules"] == "a"


async def test_a_trial_says_what_a_rule_would_match(site: Any) -> None:
    first = await site.rule("a", pattern="r1*", place="x")
    r1, r2, r3 = await site.add("r1", "r2", "r3")
    await site.add("asic", kind="asic")
    await site.rigs.relabel([r3], Relabel(place="y"))
    site.report(r1, "10.0.0.1")
    form = PlacingForm(name="b", pattern="r{n}", place="rack-{n}")
    trial = await site.rules.trial(form)
    assert (trial.matches, trial.placed, trial.earlier, trial.without_address) == (3, 1, 1, 0)
    assert trial.samples == [("r1", "rack-1"), ("r2", "rack-2"), ("r3", "rack-3")]
    assert (await site.rules.trial(form, first.id)).earlier == 0, "it is the first"
    trial = await site.rules.trial(replace(form, address="10.0.0.0/8", kind="cpu-gpu"))
    assert (trial.matches, trial.without_address) == (1, 2)
    assert r2 in site.rigs.rigs
    trial = await site.rules.trial(replace(form, place="/".join(["{n}" * 20] * 2)))
    assert trial.matches == 3
    with pytest.raises(Invalid):
        await site.rules.trial(replace(form, place="{other}"))
    assert site.places()["r1"] == ""
