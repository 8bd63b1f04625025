"""A rig without a place that is added, renamed or gets an address is placed by the first rule that matches; the
activity names the rule."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from rigfarm.commander.rigs.model import Relabel
from support.until import until


async def test_a_new_rig_is_placed_by_its_name_and_the_rule_is_the_author(placing: Any) -> None:
    rule = await placing.rule("racks", pattern="r{rack}-{slot}", place="rack-{rack}/slot-{slot}", tags=("new",))
    one, two, _ = await placing.add("r1-1", "r1-2", "other")
    await until(lambda: placing.recorded, "it was placed")
    assert placing.places() == {"r1-1": "rack-1/slot-1", "r1-2": "rack-1/slot-2", "other": ""}
    [change] = placing.recorded
    assert (change.action, change.outcome) == ("place rigs", "changed")
    assert change.targets == {"rig": {one: "r1-1", two: "r1-2"}}
    assert change.compared == {"r1-1": ("", "rack-1/slot-1"), "r1-2": ("", "rack-1/slot-2")}
    assert placing.rules.counts() == {rule.id: 2}


async def test_one_rig_is_one_line_with_its_place_before_and_after(placing: Any) -> None:
    await placing.rule("racks", pattern="r{rack}", place="rack-{rack}", tags=("new",))
    await placing.add("r7")
    await until(lambda: placing.recorded, "it was placed")
    assert placing.recorded[0].compared == {"place": ("", "rack-7"), "tags": ("", "new")}


async def test_a_rig_is_placed_when_its_address_is_known_or_another_one(placing: Any) -> None:
    await placing.rule("subnet", address="10.1.2.0/24", place="rack-2")
    one, two = await placing.add("a", "b")
    placing.report(one, None)
    placing.report(two, "10.1.3.1")
    placing.report(one, "10.1.2.1")
    await until(lambda: placing.places() == {"a": "rack-2", "b": ""}, "a was placed")
    placing.report(two, "10.1.2.2")
    await until(lambda: placing.places() == {"a": "rack-2", "b": "rack-2"}, "b was placed")


async def test_a_rig_is_placed_when_it_gets_another_name(placing: Any) -> None:
    await placing.rule("racks", pattern="r{rack}", place="rack-{rack}")
    (one,) = await placing.add("new")
    await placing.rigs.rename(one, "r4")
    await until(lambda: placing.places() == {"r4": "rack-4"}, "it was placed")
    await placing.rigs.rename(one, "r5")
    (other,) = await placing.add("r6")
    await until(lambda: placing.rigs.get(other).place == "rack-6", "the other was placed")
    assert placing.rigs.get(one).place == "rack-4", "it has a place, and stays there"


async def test_a_place_that_was_given_by_hand_is_never_changed(site: Any) -> None:
    await site.rule("racks", pattern="r{rack}", place="rack-{rack}")
    one, two = await site.add("r1", "r2")
    await site.rigs.relabel([one], Relabel(place="by hand"))
    await site.settle()
    assert site.places() == {"r1": "by hand", "r2": "rack-2"}
    await site.rigs.relabel([two], Relabel(place=""))
    await site.settle()
    assert site.places() == {"r1": "by hand", "r2": ""}, "who takes its place away is not contradicted"


async def test_rigs_that_are_created_with_a_place_keep_it(site: Any) -> None:
    await site.rule("racks", pattern="r{rack}", place="rack-{rack}")
    labels = [Relabel(place="hall-9", add=("t",)), Relabel()]
    await site.rigs.create_all([("r1", "asic"), ("r2", "asic")], labels=labels)
    await site.settle()
    assert site.places() == {"r1": "hall-9", "r2": "rack-2"}
    assert site.rigs.get(1).tags == ("t",)


async def test_a_rule_that_does_not_act_by_itself_still_decides(site: Any) -> None:
    await site.rule("by hand", pattern="r1*", place="x", automatic=False)
    await site.rule("racks", pattern="r*", place="y")
    await site.add("r1", "r2")
    await site.settle()
    assert site.places() == {"r1": "", "r2": "y"}, "as the plan says, which has r1 in x"


async def test_someone_who_was_quicker_is_right_and_the_others_are_placed(site: Any) -> None:
    await site.rule("racks", pattern="r*", place="x")
    one, _ = await site.add("r1", "r2")
    async with site.rigs.writing:
        placing = asyncio.create_task(site.settle())
        hand = asyncio.create_task(site.rigs.relabel([one], Relabel(place="by hand")))
        await asyncio.sleep(0)
    await asyncio.gather(placing, hand)
    await site.settle()
    assert site.places()["r2"] == "x"
    assert site.recorded[-1].outcome == "changed"


async def test_many_that_join_at_once_are_listed_each_and_nothing_waits(site: Any) -> None:
    await site.rule("racks", pattern="r{rack}", place="rack-{rack}")
    await site.add(*(f"r{n}" for n in range(60)), "other")
    await site.settle()
    assert [len(change.compared) for change in site.recorded] == [24, 24, 12]
    assert site.placer._due == set()
    assert site.places()["r59"] == "rack-59"
    await site.add("x")
    assert site.placer._due == {62}
    await site.rigs.remove(62)
    assert site.placer._due == set()


async def test_without_rules_nothing_is_remembered(site: Any) -> None:
    await site.add("r1")
    assert site.placer._due == set()


async def test_a_rule_that_is_removed_while_it_places_many_places_no_more_of_them(site: Any) -> None:
    rule = await site.rule("wrong", pattern="r*", place="wrong")
    await site.add(*(f"r{number}" for number in range(60)))
    site.meanwhile = lambda: site.rules.remove(rule.id)
    await site.settle()
    placed = sum(place == "wrong" for place in site.places().values())
    assert 0 < placed < 60, "those that came after its removal stay where they are"
    await site.settle()
    assert sum(map(bool, site.places().values())) == placed


async def test_a_rule_that_is_corrected_while_it_places_many_gives_the_others_the_right_place(site: Any) -> None:
    rule = await site.rule("racks", pattern="r*", place="wrong")
    await site.add(*(f"r{number}" for number in range(60)))
    site.meanwhile = lambda: site.rules.change(rule.id, replace(rule.form, place="right"))
    await site.settle()
    await site.settle()
    places = list(site.places().values())
    assert set(places) == {"wrong", "right"}
    assert places.count("right") > places.count("wrong")
