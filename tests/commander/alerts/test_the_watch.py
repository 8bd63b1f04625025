"""When something counts: for how long, not while it is excused, not just after a start; and what ends it."""

from __future__ import annotations

import pytest

from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.engine.opened import MAX_PARTS
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.rules.temperature import TemperatureForm
from rigfarm.wire.log import Device
from support.alerts import Scene, a_rig, a_workload

OFFLINE = ("offline", RuleForm(name="offline"))
IDLE = ("idle", RuleForm(name="idle", minutes=3.0))
HOT = ("temperature", TemperatureForm(name="hot", minutes=10.0, well_minutes=2.0))


def test_it_works() -> None:
    scene = Scene(OFFLINE)
    scene.see(a_rig(link_up=False))
    scene.later(1.5)
    assert [(alert.state, alert.rigs, alert.text) for alert in scene.open] == [("firing", 1, "offline: link lost")]
    scene.lasts(61.0, a_rig())
    assert [alert.state for alert in scene.alerts] == ["resolved"]
    assert not scene.watch.open


def test_what_comes_and_goes_within_its_time_fires_nothing() -> None:
    scene = Scene(HOT)
    for _ in range(20):
        scene.lasts(590.0, a_rig(devices=[Device("gpu", 0, core_c=90.0)]))
        scene.lasts(5.0, a_rig(devices=[Device("gpu", 0, core_c=60.0)]))
    assert scene.alerts == []


def test_a_dip_that_is_shorter_than_well_for_does_not_end_it() -> None:
    scene = Scene(HOT)
    scene.lasts(602.0, a_rig(devices=[Device("gpu", 0, core_c=90.0)]))
    for _ in range(5):
        scene.lasts(110.0, a_rig(devices=[Device("gpu", 0, core_c=60.0)]))
        scene.lasts(60.0, a_rig(devices=[Device("gpu", 0, core_c=90.0)]))
    assert [alert.state for alert in scene.alerts] == ["firing"]


def test_what_is_pending_and_becomes_unknown_does_not_fire_before_it_is_seen_again() -> None:
    scene = Scene(HOT)
    hot = a_rig(devices=[Device("gpu", 0, core_c=90.0)])
    scene.lasts(300.0, hot)
    scene.lasts(900.0, a_rig(devices=[Device("gpu", 0)]))
    assert scene.alerts == []
    scene.lasts(5.0, hot)
    assert len(scene.open) == 1


def test_nothing_fires_while_sentries_return_after_a_start() -> None:
    scene = Scene(OFFLINE, start_s=45.0)
    scene.see(a_rig(1, link_up=False), a_rig(2, link_up=False))
    scene.later(44.0)
    scene.see(a_rig(1))
    scene.later(4.0)
    assert [alert.shared for alert in scene.open] == [[("rig", "rig-2")]]


@pytest.mark.parametrize("paused", [False, True], ids=["playbooks", "command"])
def test_a_rig_that_an_operator_stopped_mines_nothing_on_purpose(paused: bool) -> None:
    scene = Scene(IDLE)
    idle = a_rig(workloads=[a_workload(0.0)])
    scene.lasts(200.0, idle)
    assert len(scene.open) == 1
    stopped = a_rig(workloads=[a_workload(0.0)], resting="stopped by an operator")
    if paused:
        stopped.resting, stopped.paused = "", stopped.resting
    scene.see(stopped)
    assert scene.alerts[0].ending == "stopped by an operator"
    scene.lasts(600.0, stopped)
    assert scene.open == []


def test_a_rig_whose_programs_are_installed_is_left_alone_until_that_ends() -> None:
    scene = Scene(IDLE)
    scene.farm.installing = True
    idle = a_rig(workloads=[])
    scene.lasts(900.0, idle)
    assert not scene.watch.open
    scene.farm.installing = False
    scene.lasts(220.0, idle)
    assert len(scene.open) == 1


def test_a_rig_that_is_away_on_purpose_is_looked_at_again_later() -> None:
    scene = Scene(OFFLINE)
    scene.farm.away = "rebooted by an operator"
    scene.see(a_rig(link_up=False))
    scene.later(300.0, step_s=5.0)
    assert scene.open == []
    scene.farm.away = ""
    scene.later(35.0, step_s=5.0)
    assert len(scene.open) == 1


def test_a_rig_that_is_removed_ends_its_alerts_with_that_reason() -> None:
    scene = Scene(OFFLINE)
    scene.see(a_rig(link_up=False))
    scene.later(2.0)
    changes = Changes()
    del scene.rigs[1]
    scene.watch.removed(1, changes)
    assert [one.ending for one in changes.ended] == ["the rig was removed"]
    assert [one.ending for one in changes.resolved] == ["the rig was removed"]


def test_a_rule_that_is_gone_ends_what_it_found() -> None:
    scene = Scene(OFFLINE, IDLE)
    scene.see(a_rig(1, link_up=False), a_rig(2, workloads=[a_workload(0.0)]))
    scene.later(2.0)
    scene.use()
    changes = Changes()
    scene.watch.recheck(changes)
    assert [one.ending for one in changes.resolved] == ["the rule was removed or switched off"]
    assert not scene.watch.open


def test_a_rig_with_more_parts_than_are_watched_costs_no_more() -> None:
    scene = Scene(("missing", rules()["missing"].defaults[0]))
    scene.see(a_rig(devices=[Device("gpu", at, missing=True) for at in range(64)]))
    assert len(scene.watch.open) == MAX_PARTS


def test_nothing_is_looked_at_when_nothing_changes() -> None:
    scene = Scene(OFFLINE, HOT)
    scene.lasts(1300.0, a_rig(1), a_rig(2, devices=[Device("gpu", 0, core_c=90.0)]))
    assert scene.watch.due() == set()
    assert len(scene.open) == 1


def test_a_rig_has_one_entry_of_what_is_looked_at_later_however_often_it_reports() -> None:
    scene = Scene(HOT, IDLE)
    hot = a_rig(devices=[Device("gpu", at, core_c=90.0) for at in range(8)], workloads=[a_workload(0.0)])
    for _ in range(500):
        scene.now += 0.25
        scene.see(hot)
    assert len(scene.watch._agenda) <= 2
    scene.farm.away = "rebooted by an operator"
    scene.use(OFFLINE)
    for _ in range(500):
        scene.now += 0.05
        scene.see(a_rig(2, link_up=False))
    assert len(scene.watch._agenda) <= 4


def test_the_last_rule_gives_way_to_an_alert_and_not_to_one_that_may_fire() -> None:
    scene = Scene(("sick", RuleForm(name="sick")), HOT)
    hot = a_rig(devices=[Device("gpu", 0, core_c=95.0)])
    scene.watch.use([scene.watch.rules[1]])
    scene.lasts(2.0, hot)
    assert [alert.rule for alert in scene.open] == ["sick"]
    scene.use(("sick", RuleForm(name="sick")), HOT)
    scene.lasts(590.0, hot)
    assert [alert.rule for alert in scene.open] == ["sick"], "the other rule has not fired yet"
    scene.lasts(100.0, hot)
    assert [(alert.rule, alert.ending) for alert in scene.alerts] == [
        ("sick", "another rule has an alert about it"),
        ("hot", ""),
    ]


def test_two_rules_about_one_rig_are_two_alerts_and_the_last_rule_says_nothing() -> None:
    scene = Scene(OFFLINE, ("sick", rules()["sick"].defaults[0]))
    scene.see(a_rig(link_up=False))
    scene.later(1200.0, step_s=5.0)
    assert [alert.rule_id for alert in scene.alerts] == [1]


def test_a_rig_that_a_person_works_on_raises_no_alert_and_ends_what_it_had() -> None:
    scene = Scene(OFFLINE)
    scene.see(a_rig(1, link_up=False), a_rig(2))
    scene.later(2.0)
    worked_on = [a_rig(rig, link_up=False) for rig in (1, 2)]
    for rig in worked_on:
        rig.maintenance = True
    scene.see(*worked_on)
    scene.later(300.0)
    assert scene.open == []
    assert [alert.ending for alert in scene.alerts] == ["the rig is in maintenance"]
    worked_on[1].maintenance = False
    scene.see(worked_on[1])
    scene.later(2.0)
    assert [alert.shared for alert in scene.open] == [[("rig", "rig-2")]]
