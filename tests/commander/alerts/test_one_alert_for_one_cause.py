"""Rigs that fall within a minute and share something are one alert about all of them; compared with a brute-force
oracle, which counts everything again for every decision."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.commander.alerts.engine.causes import Facts, groups, labels, most_telling
from rigfarm.commander.alerts.engine.opened import JOIN_S, MAX_PARTS, REJOIN_S
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.model import Fact
from rigfarm.commander.alerts.rules.hashrate import HashrateForm
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.storage import Storage
from support.alerts import AlertFarm, Scene, a_rig, a_workload

ORDER = ("rig", "sentry", "playbook", "pool", "place", "subnet", "tag")
RULE = ("offline", RuleForm(name="offline"))
EVERY_S = 7.0

PLACES = ("", "Hall-2", "hall-2/row 1", "hall-2/row 1/rack 3", "hall-2/row 2", "hall-3", "hall-22/row 1")
_labels = st.builds(
    lambda place, tags: set(labels(place, tags)),
    st.sampled_from(PLACES),
    st.lists(st.sampled_from(("solar", "Solar", "loud")), max_size=2),
)
_shared = st.builds(
    set.union,
    st.sets(st.tuples(st.sampled_from(("sentry", "playbook", "pool", "subnet")), st.sampled_from("abc")), max_size=3),
    _labels,
)
_batches = st.lists(st.lists(_shared, max_size=6), min_size=1, max_size=14)


def _grouped(found: dict[int, Facts]) -> list[tuple[list[int], Facts]]:
    """By the definition: the fact that most of those that are left have in common makes a group, and so on."""
    left, made = dict(found), []
    while left:
        counts = Counter(fact for facts in left.values() for fact in facts)
        best = min(counts, key=lambda fact: (-counts[fact], ORDER.index(fact[0]), fact[1]), default=None)
        if best is None or counts[best] < 2:
            break
        group = [one for one, facts in left.items() if best in facts]
        made.append((group, frozenset.intersection(*(found[one] for one in group))))
        left = {one: facts for one, facts in left.items() if one not in group}
    return made + [([one], found[one]) for one in left]


def _oracle(batches: list[dict[int, Facts]]) -> list[tuple[set[int], set[Fact]]]:
    alerts: list[tuple[int, list[int], set[Fact]]] = []
    for at, batch in enumerate(batches):
        rest: dict[int, Facts] = {}
        recent = [one for one in alerts if (at - one[0]) * EVERY_S < JOIN_S]
        for rig, facts in batch.items():
            fitting = [one for one in recent if one[2] & facts]
            if fitting:
                fitting[0][1].append(rig)
                fitting[0][2].intersection_update(facts)
            else:
                rest[rig] = facts
        alerts += [(at, members, set(shared)) for members, shared in _grouped(rest)]
    return [(set(members), shared) for _, members, shared in alerts]


def _numbered(batches: list[list[set[Fact]]]) -> list[dict[int, Facts]]:
    rig, made = 0, []
    for batch in batches:
        one: dict[int, Facts] = {}
        for shared in batch:
            rig += 1
            one[rig] = frozenset(shared | {("rig", f"rig-{rig}")})
        made.append(one)
    return made


@settings(max_examples=120, deadline=None)
@given(_batches)
def test_every_sequence_is_divided_as_the_oracle_says(batches: list[list[set[Fact]]]) -> None:
    numbered = _numbered(batches)
    scene = Scene(RULE)
    for batch in numbered:
        scene.facts |= batch
        scene.see(*(a_rig(rig, link_up=False) for rig in batch))
        scene.later(EVERY_S, step_s=1.0)
    in_alert: dict[int, set[int]] = {}
    for member in scene.members:
        assert member.alert_id is not None
        in_alert.setdefault(member.alert_id, set()).add(member.rig_id)
    found = [(in_alert[alert.id], set(alert.shared)) for alert in scene.alerts]
    assert found == _oracle(numbered)
    for alert in scene.alerts:
        assert alert.rigs == alert.open_rigs == len(in_alert[alert.id])
        assert alert.rigs == 1 or alert.shared


@settings(max_examples=120, deadline=None)
@given(st.lists(_shared, max_size=30))
def test_all_at_once_are_divided_as_the_oracle_says(found: list[set[Fact]]) -> None:
    numbered = _numbered([found])[0]
    assert groups(numbered) == _grouped(numbered)


def _sharing(*facts: Fact) -> Facts:
    return frozenset(facts)


def test_eighty_rigs_of_one_sentry_are_one_alert_that_names_it() -> None:
    scene = Scene(RULE)
    for rig in range(1, 81):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("sentry", "10.0.0.5"), ("pool", f"p{rig % 3}"))
    scene.see(*(a_rig(rig, link_up=False) for rig in range(1, 81)))
    scene.later(2.0)
    assert [(alert.rigs, most_telling(alert.shared)) for alert in scene.open] == [(80, [("sentry", "10.0.0.5")])]


def test_who_joins_is_added_and_who_comes_after_a_minute_is_another_alert() -> None:
    scene = Scene(RULE)
    for rig in (1, 2, 3):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("subnet", "10.0.0.0/24"))
    scene.see(a_rig(1, link_up=False))
    scene.later(30.0)
    scene.see(a_rig(2, link_up=False))
    scene.later(32.0)
    scene.see(a_rig(3, link_up=False))
    scene.later(2.0)
    assert [(alert.id, alert.rigs) for alert in scene.open] == [(1, 2), (2, 1)]


def test_a_rig_that_returns_and_falls_again_is_in_the_same_alert_as_long_as_that_lasts() -> None:
    scene = Scene(RULE)
    for rig in (1, 2):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("subnet", "10.0.0.0/24"))
    scene.see(a_rig(1, link_up=False), a_rig(2, link_up=False))
    scene.later(2.0)
    for _ in range(5):
        scene.lasts(120.0, a_rig(1))
        assert scene.open[0].open_rigs == 1
        scene.see(a_rig(1, link_up=False))
        scene.later(120.0)
    assert [(alert.id, alert.rigs, alert.open_rigs) for alert in scene.alerts] == [(1, 2, 2)]


def test_a_rig_that_was_well_for_long_and_falls_again_is_another_outage() -> None:
    scene = Scene(RULE)
    for rig in (1, 2):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("subnet", "10.0.0.0/24"))
    scene.see(a_rig(1, link_up=False), a_rig(2, link_up=False))
    scene.later(2.0)
    scene.lasts(REJOIN_S + 70.0, a_rig(1))
    scene.see(a_rig(1, link_up=False))
    scene.later(2.0)
    assert [(alert.id, alert.rigs, alert.open_rigs) for alert in scene.open] == [(1, 2, 1), (2, 1, 1)]


def test_a_rig_that_comes_and_goes_is_listed_once_and_its_parts_have_a_bound() -> None:
    scene = Scene(("hashrate", HashrateForm(name="x", below=800.0, well_minutes=0.0)))
    for rig in (1, 2):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("subnet", "10.0.0.0/24"))
    scene.see(a_rig(1, workloads=[a_workload(1.0)]), a_rig(2, workloads=[a_workload(1.0)]))
    scene.later(2.0)
    dropped = 0
    for at in range(200):
        for rate in (1.0, 900.0):
            changes = scene.see(a_rig(1, workloads=[a_workload(rate), a_workload(rate, f"coin {at}")]))
            scene.now += 1.0
            dropped += len(changes.dropped) + len(scene.step().dropped)
    assert [(alert.id, alert.rigs, alert.open_rigs) for alert in scene.open] == [(1, 2, 1)]
    assert len(scene.members) > 400
    assert len(scene.members) - dropped <= 2 * MAX_PARTS + 1


def test_five_thousand_rigs_cut_off_at_once_are_one_alert() -> None:
    scene = Scene(RULE)
    for rig in range(1, 5001):
        scene.facts[rig] = _sharing(("rig", f"rig-{rig}"), ("subnet", "10.0.0.0/8"), ("pool", f"pool-{rig % 7}"))
    scene.see(*(a_rig(rig, link_up=False) for rig in range(1, 5001)))
    scene.later(2.0)
    assert [(alert.rigs, alert.shared) for alert in scene.alerts] == [(5000, [("subnet", "10.0.0.0/8")])]


def test_parts_of_one_rig_are_one_alert_about_one_rig() -> None:
    from rigfarm.commander.alerts.rules import rules
    from rigfarm.wire.log import Device

    scene = Scene(("missing", rules()["missing"].defaults[0]))
    lost = a_rig(devices=[Device("gpu", at, missing=True) for at in range(4)])
    scene.lasts(70.0, lost)
    assert [(alert.rigs, alert.open_rigs) for alert in scene.open] == [(1, 1)]
    assert len(scene.watch.of_rig(1)) == 4


def test_of_places_that_lie_in_each_other_the_smallest_that_all_share_is_said() -> None:
    scene = Scene(RULE)
    for rig, place in enumerate(("hall-2/row 1/rack 1", "Hall-2/row 1/rack 2", "hall-2/row 1"), 1):
        scene.facts[rig] = frozenset({("rig", f"rig-{rig}"), *labels(place, ["Solar"])})
    scene.see(*(a_rig(rig, link_up=False) for rig in (1, 2, 3)))
    scene.later(2.0)
    assert [most_telling(one.shared) for one in scene.open] == [[("place", "hall-2/row 1"), ("tag", "solar")]]


async def test_a_rule_for_a_place_and_a_tag_finds_and_divides_its_rigs_as_the_oracle_says(tmp_path: Path) -> None:
    """Through the index's own search, and the places and tags that rigs have."""
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    farm = await AlertFarm(storage).load()
    for rule_id in list(farm.rule_book.rules):
        await farm.rule_book.remove(rule_id)
    await farm.rule_book.create("offline", RuleForm(name="solar of hall 2", q="tag:solar place:hall-2"))
    ids, chance, seen = await farm.new_rigs(20), random.Random(7), 0
    for rig_id in ids:
        farm.stats.add(rig_id, "cpu-gpu")
    for _ in range(8):
        expected: dict[int, Facts] = {}
        for rig_id in ids:
            place, tags = chance.choice(PLACES), chance.sample(("solar", "loud"), chance.randint(0, 2))
            await farm.book.relabel([rig_id], Relabel(place=place, add=tuple(tags), drop=("*",)))
            rig = farm.book.rigs[rig_id]
            farm.facts[rig_id] = frozenset({("rig", rig.name), *labels(rig.place, rig.tags)})
            if "solar" in tags and place.casefold().split("/")[0] == "hall-2":
                expected[rig_id] = farm.facts[rig_id]
        farm.put(*(a_rig(rig_id, link_up=False) for rig_id in ids))
        await farm.later(3.0)
        found = [(sorted(farm.watch.rigs_in(one)), set(one.shared)) for one in farm.watch.alerts.values()]
        assert found == [(sorted(members), set(shared)) for members, shared in _grouped(expected)]
        seen += len(expected)
        farm.put(*(a_rig(rig_id) for rig_id in ids))
        await farm.later(70.0, step_s=5.0)
        assert not farm.watch.alerts
    assert seen > 20
    await storage.close()
