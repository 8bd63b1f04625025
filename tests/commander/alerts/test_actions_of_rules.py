"""What a rule does by itself: once for an alert and a rig, within its limits, and never to a rig that someone, or
something else, is at work on. The clock is turned; everything but the link is real."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError

from rigfarm.commander.alerts import Alerts, Automation, FarmView, Guards, RuleBook, Watch
from rigfarm.commander.alerts.automation import automation as module
from rigfarm.commander.alerts.automation.budget import Budget
from rigfarm.commander.alerts.automation.model import sentence
from rigfarm.commander.alerts.broadcasts import CHANNEL
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Change
from rigfarm.commander.commands import Commands
from rigfarm.commander.events import CommandGiven
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.rollouts import RolloutForm, Rollouts
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import RigStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Parts
from rigfarm.common.clock import utc_ms
from rigfarm.wire.commands import RestartMiner
from rigfarm.wire.frames import CommandResult
from support.alerts import NoOutbox, TestFarm, a_rig, a_workload
from support.effects import effects_for
from support.playbook_farm import Farm, Listener

RESTART = RuleForm(name="mines nothing", well_minutes=0.0, action="restart-miner", action_rigs=100.0)
MINUTE = 60.0


class Scene:
    """A farm with rules that act. `again` is the next process on the same data."""

    def __init__(self, farm: Farm, clock: list[float], base_ms: int, start_s: float = 0.0) -> None:
        self.farm, self.clock, self.base_ms = farm, clock, base_ms
        self.changes: list[tuple[str, str, str, str]] = []
        self.given: list[tuple[int, str]] = []
        events, stats, storage = farm.events, farm.stats, farm.storage
        self.commands = Commands(
            storage, farm.hub, events, farm.rigs, effects_for(storage, farm.hub, events, farm.rigs)
        )
        self.rollouts = Rollouts(storage, farm.hub, events, farm.assignments, stats)
        self.rules = RuleBook(
            storage, events, stats, RigList(farm.rigs, stats), lambda one: one in farm.playbooks.playbooks
        )
        self.watch = Watch(
            TestFarm(),
            stats.rigs,
            lambda rig_id: farm.rigs.rigs[rig_id].name,
            lambda rig_id: frozenset({("rig", f"rig-{rig_id}"), ("place", self.place)}),
            monotonic=self.monotonic,
            wall=self.wall,
            start_s=0.0,
        )
        self.place = "hall-1"
        self.muted: int | None = None
        self.alerts = Alerts(
            storage,
            farm.hub,
            events,
            farm.rigs,
            stats,
            self.rules,
            self.watch,
            NoOutbox(),
            self.muted_until,
            wall=self.wall,
        )
        self.automation = Automation(
            storage,
            farm.hub,
            events,
            farm.rigs,
            self.alerts,
            self.commands,
            farm.assignments,
            Guards(
                events,
                stats,
                self.commands,
                farm.assignments,
                self.rollouts,
                self.muted_until,
                monotonic=self.monotonic,
                wall=self.wall,
            ),
            ChangeLog(Incidents(), self._record),
            monotonic=self.monotonic,
            wall=self.wall,
            start_s=start_s,
        )
        events.listen(CommandGiven, lambda one: self.given.append((one.rig_id, one.title)))

    def monotonic(self) -> float:
        return self.clock[0]

    def muted_until(self, _: object) -> int | None:
        return self.muted

    def wall(self) -> int:
        return self.base_ms + int(self.clock[0] * 1000)

    async def _record(self, change: Change) -> None:
        assert change.who is not None
        self.changes.append((change.who.kind, change.who.label, change.action, change.result))

    async def load(self) -> Scene:
        for rig in self.farm.rigs.rigs.values():
            self.farm.stats.add(rig.id, rig.kind)
        await self.commands.load()
        await self.rollouts.load()
        await self.alerts.load()
        await self.automation.load()
        return self

    async def again(self, start_s: float = 0.0) -> Scene:
        """As after `kill -9`: nothing of this process is asked or closed."""
        farm = await self.farm.restarted()
        return await Scene(farm, self.clock, self.base_ms, start_s).load()

    async def only(self, form: RuleForm, kind: str = "idle") -> int:
        for rule_id in list(self.rules.rules):
            await self.rules.remove(rule_id)
        return (await self.rules.create(kind, form)).id

    def put(self, *rigs: RigStats) -> None:
        for rig in rigs:
            self.farm.stats.rigs[rig.rig_id] = rig
            self.farm.stats.touched.add(rig.rig_id)

    async def later(self, seconds: float, step_s: float = 10.0) -> None:
        until = self.clock[0] + seconds
        while self.clock[0] < until:
            self.clock[0] = min(self.clock[0] + step_s, until)
            await self.alerts.step()
            await self.automation.step()

    async def answer(self, state: str = "done", detail: str = "restarted") -> None:
        """Every rig does what it was told."""
        for rig_id in self.farm.rigs.rigs:
            for frame in await self.commands.waiting(rig_id, 0, connected=True):
                await self.commands.result(rig_id, CommandResult(frame.id, 0, state, detail))  # type: ignore[union-attr,arg-type]

    async def acts(self, alert_id: int | None = None) -> list[tuple[str, str, str, str]]:
        found = await self.automation.of_alert(alert_id or next(iter(self.watch.alerts)))
        return [(one.rig_name, one.what, one.state, one.detail) for one in found]


def idle(rig_id: int, **more: Any) -> RigStats:
    return a_rig(rig_id, workloads=[a_workload(0.0)], **more)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    farm = await Farm(storage, tmp_path).load()
    await farm.new_rigs("rig-01", "rig-02", "rig-03", "rig-04")
    clock = [1_000.0]
    made = await Scene(farm, clock, utc_ms() - 1_000_000).load()
    await made.only(RESTART)
    clock[0] += 700.0
    yield made
    await storage.close()


async def test_it_works(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(4 * MINUTE)
    assert scene.given == []
    await scene.later(2 * MINUTE)
    assert scene.given == [(1, "Restart miner")]
    assert await scene.acts() == [("rig-01", "Restart miner", "queued", "")]
    assert scene.changes == [("rule", "rule mines nothing", "command: restart miner", "queued")]
    await scene.answer()
    viewer = Listener()
    scene.farm.hub.subscribe(viewer, CHANNEL)
    await scene.later(10.0)
    assert viewer.heard, "open pages of the alert show the result at once"
    assert await scene.acts() == [("rig-01", "Restart miner", "done", "restarted")]
    await scene.later(24 * 60 * MINUTE, step_s=60.0)
    assert len(scene.given) == 1, "once for one alert, however long it lasts"


async def test_nothing_is_done_by_a_rule_that_does_not_say_so(scene: Scene) -> None:
    await scene.only(replace(RESTART, action=""))
    scene.put(idle(1))
    await scene.later(60 * MINUTE)
    assert scene.given == []
    assert scene.automation.waiting == {}


async def _maintenance(scene: Scene) -> None:
    scene.muted = scene.wall() + 3_600_000


async def _paused(scene: Scene) -> None:
    rig = idle(1)
    rig.paused = "paused by an operator"
    scene.farm.stats.rigs[1] = rig  # the rule itself is not asked again


async def _gone(scene: Scene) -> None:
    scene.farm.stats.rigs[1] = idle(1, link_up=False)


async def _under_way(scene: Scene) -> None:
    await scene.commands.give(RestartMiner(), [1])
    scene.given.clear()


async def _told(scene: Scene) -> None:
    await scene.commands.give(RestartMiner(), [1])
    await scene.answer()
    scene.given.clear()


async def _rollout(scene: Scene) -> None:
    playbook = await scene.farm.playbooks.create(await scene.farm.new_form())
    await scene.rollouts.begin(playbook.id, [1, 2], RolloutForm(), None)
    scene.clock[0] += 601.0


async def _acknowledged(scene: Scene) -> None:
    await scene.alerts.acknowledge(1)


async def _snoozed(scene: Scene) -> None:
    await scene.alerts.snooze(1, 60)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (_maintenance, "the rig is in maintenance"),
        (_paused, "the rig is paused by an operator"),
        (_gone, "the rig is not connected"),
        (_under_way, "a command to the rig is under way"),
        (_told, "the rig was given a command or a playbook within the last 10 minutes"),
        (_rollout, "a roll-out is under way"),
        (_acknowledged, ""),
        (_snoozed, ""),
    ],
)
async def test_a_rig_that_someone_is_at_work_on_is_left_alone(scene: Scene, happens: Any, why: str) -> None:
    scene.put(idle(1))
    await scene.later(3 * MINUTE)
    assert 1 in scene.watch.alerts
    await happens(scene)
    await scene.later(4 * MINUTE)
    assert scene.given == []
    assert [reason for _, reason in scene.automation.waits(1)] == ([why] if why else [])


async def _maintained(scene: Scene) -> None:
    await scene.farm.rigs.maintenance.start([2])


async def _removed(scene: Scene) -> None:
    await scene.farm.rigs.remove(2)


async def _well(scene: Scene) -> None:
    scene.put(a_rig(2))
    await scene.alerts.step()


async def _not_any_more(scene: Scene) -> None:
    (rule,) = scene.rules.rules.values()
    await scene.rules.change(rule.id, replace(RESTART, action=""))
    await scene.alerts.step()


@pytest.mark.parametrize("happens", [_maintained, _removed, _well, _not_any_more])
async def test_what_happens_while_another_rig_is_told_counts(
    scene: Scene, happens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = scene.automation._give

    async def give_while_something_happens(*given: Any) -> None:
        await give(*given)
        await happens(scene)

    monkeypatch.setattr(scene.automation, "_give", give_while_something_happens)
    scene.put(idle(1), idle(2))
    await scene.later(6 * MINUTE)
    assert scene.given == [(1, "Restart miner")]


async def test_what_a_rig_was_not_told_yet_is_taken_back_when_someone_works_on_it(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    assert scene.given == [(1, "Restart miner")]
    await scene.farm.rigs.maintenance.start([1])
    await scene.later(10.0)
    assert await scene.commands.waiting(1, 0, connected=True) == []
    assert [state for _, _, state, _ in await scene.acts(1)] == ["failed"]


async def test_once_ten_minutes_are_over_it_is_done(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(3 * MINUTE)
    await _told(scene)
    await scene.later(8 * MINUTE)
    assert scene.given == []
    await scene.later(3 * MINUTE)
    assert scene.given == [(1, "Restart miner")]


async def test_a_rig_that_is_about_to_be_well_is_left_alone(scene: Scene) -> None:
    await scene.only(replace(RESTART, well_minutes=10.0))
    scene.put(idle(1))
    await scene.later(4 * MINUTE)
    scene.put(a_rig(1))
    await scene.later(5 * MINUTE)
    assert [one.state for one in scene.watch.alerts.values()] == ["firing"]
    assert scene.given == []
    scene.put(idle(1))
    await scene.later(10.0)
    assert len(scene.given) == 1


async def test_nothing_is_done_while_the_commander_has_just_started(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(3 * MINUTE)
    scene = await scene.again(start_s=module.START_S)
    scene.put(idle(1))
    await scene.later(4.9 * MINUTE)
    assert scene.given == []
    assert scene.automation.waits(1) == [("rig-01", "the Commander has just started")]
    await scene.later(MINUTE)
    assert len(scene.given) == 1


async def test_a_clock_that_was_set_back_meanwhile_does_not_hold_it_up(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(3 * MINUTE)
    scene.base_ms -= 30 * 86_400_000
    scene = await scene.again()
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    assert scene.given == [(1, "Restart miner")]


async def test_an_alert_about_many_rigs_is_left_to_people(scene: Scene) -> None:
    """Also when the others were well again meanwhile."""
    await scene.only(replace(RESTART, action_rigs=3.0))
    scene.put(idle(1), idle(2), idle(3))
    await scene.later(30.0)
    scene.put(idle(4))
    await scene.later(2 * MINUTE)
    scene.put(a_rig(2), a_rig(3))
    await scene.later(30 * MINUTE)
    (alert,) = scene.watch.alerts.values()
    assert (alert.rigs, alert.open_rigs) == (4, 2)
    assert scene.given == []
    said = module.too_many(alert, scene.rules.rules[alert.rule_id].form)
    assert said == "It does nothing: the alert is about 4 rigs, and the rule acts on 3 rigs at most."


async def test_who_joins_within_a_minute_counts_before_anything_is_done(scene: Scene) -> None:
    """The shortest wait is as long as others may join."""
    await scene.only(replace(RESTART, action_rigs=1.0, action_minutes=1.0))
    scene.put(idle(1))
    await scene.later(58.0, step_s=1.0)
    scene.put(idle(2))
    await scene.later(10 * MINUTE, step_s=1.0)
    assert scene.given == []


async def test_after_a_snooze_it_counts_from_the_beginning(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(3 * MINUTE)
    await scene.alerts.snooze(1, 10)
    await scene.later(14 * MINUTE)
    assert scene.given == []
    await scene.later(2 * MINUTE)
    assert len(scene.given) == 1


# Limits


async def _fails_again(scene: Scene, *rig_ids: int) -> None:
    """Each is an alert of its own, which is acted on unless there is a reason not to."""
    for rig_id in rig_ids:
        scene.place = f"place-{scene.clock[0]}-{rig_id}"
        scene.put(idle(rig_id))
        await scene.later(1.5 * MINUTE)
        await scene.answer()
        scene.put(a_rig(rig_id))
        await scene.later(30.0)


async def test_limits_per_rig_and_in_all_hold_across_restarts(scene: Scene) -> None:
    form = replace(RESTART, action_minutes=1.0, action_rig_hour=2.0, action_rig_day=3.0, action_hour=5.0)
    await scene.only(form)
    times: list[tuple[float, int]] = []
    for _ in range(30):
        await _fails_again(scene, 1, 2, 3, 4)
        times += [(scene.clock[0], rig_id) for rig_id, _ in scene.given]
        scene = await scene.again()
        await scene.later(8 * MINUTE)
    assert len(times) == 12, "the day's limit of each"
    for at, rig_id in times:
        hour = [one for one in times if at - 3_500.0 < one[0] <= at]
        assert len(hour) <= 5
        assert sum(one[1] == rig_id for one in hour) <= 2


def test_a_budget_is_counted_as_its_definition_says() -> None:
    chance, budget, spent, now = random.Random(3), Budget(), [], 0.0
    form = RuleForm(name="x", action="reboot", action_rig_hour=2.0, action_rig_day=6.0, action_hour=4.0)
    refused = 0
    for _ in range(3_000):
        now += chance.expovariate(1 / 400.0)
        rig = chance.randint(1, 4)
        day = [one for one in spent if now - one[0] < 86_400.0]
        hour = [one for one in day if now - one[0] < 3_600.0]
        allowed = sum(one[1] == rig for one in hour) < 2 and sum(one[1] == rig for one in day) < 6 and len(hour) < 4
        assert (budget.why_not(1, form, rig, now) == "") is allowed
        assert budget.why_not(2, form, rig, now) == "", "of another rule"
        refused += not allowed
        if allowed:
            budget.spend(1, rig, now)
            spent.append((now, rig))
    assert refused > 500
    assert len(spent) > 100


async def test_a_wall_clock_that_jumps_gives_nothing_back(scene: Scene) -> None:
    await scene.only(replace(RESTART, action_minutes=1.0))
    await _fails_again(scene, 1)
    assert len(scene.given) == 1
    await scene.later(11 * MINUTE)
    scene.base_ms += 7 * 86_400_000
    await _fails_again(scene, 1)
    assert len(scene.given) == 1


# Ends in the middle


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize("where", ["before", "after"])
async def test_an_act_in_whose_middle_the_commander_ends_is_not_repeated(scene: Scene, where: str) -> None:
    give = scene.commands.give

    async def die(*args: Any, **more: Any) -> Any:
        if where == "after":
            await give(*args, **more)
        raise Killed

    scene.commands.give = die  # type: ignore[method-assign]
    scene.put(idle(1))
    with pytest.raises(Killed):
        await scene.later(6 * MINUTE)
    scene = await scene.again()
    scene.put(idle(1))
    await scene.later(60 * MINUTE)
    assert scene.given == []
    assert await scene.acts() == [("rig-01", "Restart miner", "failed", module.LOST)]
    assert len(await scene.commands.of_rig(1)) == (where == "after")


async def test_a_result_that_came_while_nothing_was_stored_is_found_after_a_restart(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    await scene.answer("failed", "no such service")
    scene = await scene.again()
    await scene.later(10.0)
    assert await scene.acts(1) == [("rig-01", "Restart miner", "failed", "no such service")]
    scene = await scene.again()
    assert await scene.acts(1) == [("rig-01", "Restart miner", "failed", "no such service")]


async def test_a_result_that_comes_after_a_restart_is_noted(scene: Scene) -> None:
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    scene = await scene.again()
    await scene.answer()
    await scene.later(10.0)
    assert await scene.acts(1) == [("rig-01", "Restart miner", "done", "restarted")]


async def test_while_it_cannot_be_stored_nothing_is_given(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> int:
        raise OperationalError("disk full", None, Exception("disk full"))

    scene.put(idle(1))
    with monkeypatch.context() as patch:
        patch.setattr(module.rows, "insert_act", refuse)
        with pytest.raises(OperationalError):
            await scene.later(6 * MINUTE)
    assert scene.given == []
    await scene.later(10.0)
    assert len(scene.given) == 1


# Kinds of actions


async def test_a_playbook_is_applied_and_a_refusal_says_why(scene: Scene) -> None:
    playbook = await scene.farm.playbooks.create(await scene.farm.new_form())
    await scene.only(replace(RESTART, action="playbook", action_playbook=playbook.id))
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    assert await scene.acts() == [("rig-01", f"Apply {playbook.name}", "done", "")]
    assert scene.farm.assignments.assigned.get(1, playbook.id) is not None
    assert scene.changes[-1][2:] == ("apply playbook", "done")
    asic, _ = await scene.farm.rigs.create("asic-01", "asic")
    scene.farm.stats.add(asic.id, "asic")
    scene.put(idle(asic.id, kind="asic"))
    await scene.later(12 * MINUTE)
    ((name, _, state, why), *_) = await scene.acts(max(scene.watch.alerts))
    assert (name, state, why) == ("asic-01", "refused", "It is an ASIC: playbooks are for CPU/GPU rigs.")


async def test_what_a_rig_cannot_do_is_not_tried(scene: Scene) -> None:
    await scene.only(replace(RESTART, action="pause"))
    scene.put(idle(1))
    await scene.later(6 * MINUTE)
    assert scene.given == []
    ((_, why),) = scene.automation.waits(1)
    assert why == "rig-01 is a CPU/GPU rig: “Pause” is not available for it."


async def test_a_power_limit_is_given_in_watts(scene: Scene) -> None:
    await scene.only(replace(RESTART, action="power-limit", action_watts=900.0))
    asic, _ = await scene.farm.rigs.create("asic-01", "asic")
    scene.farm.stats.add(asic.id, "asic")
    scene.put(idle(asic.id, kind="asic"))
    await scene.later(6 * MINUTE)
    assert scene.given == [(asic.id, "Limit power to 900 W")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action": "power-limit"}, "action_watts"),
        ({"action_watts": 0.5}, "action_watts"),
        ({"action": "playbook"}, "action_playbook"),
        ({"action": "playbook", "action_playbook": 4711}, "action_playbook"),
        ({"action": "explode"}, "action"),
        ({"action_minutes": 0.5}, "action_minutes"),
        ({"action_rig_hour": 1.5}, "action_rig_hour"),
        ({"action_hour": 0.0}, "action_hour"),
        ({"action_rigs": 501.0}, "action_rigs"),
    ],
)
async def test_settings_that_cannot_be_are_refused(scene: Scene, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await scene.rules.create("idle", replace(RESTART, **changes))
    assert field in refused.value.fields


async def test_a_rule_that_is_not_about_rigs_does_nothing_to_them(scene: Scene) -> None:
    rule = next(one for one in scene.rules.active() if one.kind == "idle")
    form = scene.rules.kind("commander").form(name="x", action=rule.form.action)
    with pytest.raises(Invalid, match="not about rigs"):
        await scene.rules.create("commander", form)


def test_what_a_rule_will_do_is_a_sentence() -> None:
    form = replace(RESTART, action="reboot", action_minutes=2.5, action_rig_hour=2.0, action_rigs=1.0)
    assert sentence(form, "") == (
        "Reboots a rig (restarts an ASIC) once its alert has fired for 2.5 min: at most twice an hour and 3 times a "
        "day for each rig, and 5 times an hour in all. Does nothing when the alert is about more than 1 rig."
    )
    assert sentence(replace(form, action=""), "") == ""
    assert sentence(replace(form, action="playbook"), "XMR").startswith("Applies XMR to a rig once")


async def test_places_and_tags_are_among_what_rigs_share(scene: Scene, tmp_path: Path) -> None:
    farm = scene.farm
    await farm.rigs.relabel([1], Relabel(place="Hall 2/row 1", add=("Solar",)))
    view = FarmView(
        farm.stats, farm.rigs, farm.assignments, scene.commands, scene.commands.effects, Parts(), tmp_path, None
    )  # type: ignore[arg-type]
    assert view.facts_of(1) == {
        ("rig", "rig-01"),
        ("place", "hall 2"),
        ("place", "hall 2/row 1"),
        ("tag", "solar"),
    }
