"""A staged roll-out: one rig first, then the rest; it stops by itself when the first does worse than before."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rollouts import RolloutForm, Rollouts
from rigfarm.commander.rollouts.model import Before
from rigfarm.commander.rollouts.watch.compare import before_of
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog, Workload

FORM = RolloutForm(watch_minutes=2.0)


class Stage:
    """A playbook on three rigs at revision 1, and revision 2 about to be rolled out."""

    def __init__(self, farm: Any) -> None:
        self.farm = farm
        self.stats = OperationalStats(farm.hub, farm.events, 5.0)
        self.rollouts = Rollouts(farm.storage, farm.hub, farm.events, farm.assignments, self.stats)
        self.t = utc_ms()

    async def set(self) -> Stage:
        farm = self.farm
        form = await farm.new_form()
        self.playbook = (await farm.playbooks.create(form)).id
        self.rigs = await farm.new_rigs("rig-01", "rig-02", "rig-03")
        for rig_id in self.rigs:
            self.stats.add(rig_id, "cpu-gpu")
        await farm.assignments.apply(self.playbook, self.rigs)
        for rig_id in self.rigs:
            self.log(rig_id, 1000.0)
        await farm.playbooks.change(self.playbook, replace(form, template="-u $CPU_WALLET -p better"))
        return self

    def log(self, rig_id: int, rate: float | None, accepted: int = 100, rejected: int = 0) -> None:
        """A rig reports."""
        self.t += 5000
        workload = Workload(
            coin="XMR", hashrate=rate, accepted=accepted, rejected=rejected, state="mining", playbook=self.playbook
        )
        self.stats.link_up(rig_id)
        self.stats.receive(rig_id, OperationalLog(self.t, workloads=[workload]))

    def mine(self, rig_id: int, rate: float = 1000.0, **more: Any) -> None:
        self.farm.say(rig_id, self.playbook, "mining")
        self.log(rig_id, rate, **more)

    def revisions(self) -> list[int]:
        return [self.farm.assignments.assigned.get(rig_id, self.playbook).revision for rig_id in self.rigs]

    async def pass_minutes(self, minutes: float, step: float = 5.0) -> None:
        for _ in range(int(minutes * 60 / step)):
            await self.rollouts.tick(step)

    async def begin(self, form: RolloutForm = FORM) -> Any:
        return await self.rollouts.begin(self.playbook, self.rigs, form, None)

    async def restarted(self) -> Stage:
        """Another process on the same data."""
        again = Stage(await self.farm.restarted())
        again.playbook, again.rigs, again.t = self.playbook, self.rigs, self.t
        for rig_id in self.rigs:
            again.stats.add(rig_id, "cpu-gpu")
        await again.rollouts.load()
        return again


@pytest.fixture
async def stage(farm: Any) -> Stage:
    return await Stage(farm).set()


async def test_it_works(stage: Stage) -> None:
    rollout = await stage.begin()
    assert (rollout.state, rollout.plan.first, rollout.plan.rest) == ("starting", stage.rigs[:1], stage.rigs[1:])
    assert rollout.plan.before[stage.rigs[0]]["XMR"].hashrate == 1000.0
    assert stage.revisions() == [2, 1, 1]
    await stage.pass_minutes(1)
    assert rollout.state == "starting"
    stage.mine(stage.rigs[0], 1010.0)
    await stage.pass_minutes(1)
    assert rollout.state == "watching"
    assert stage.revisions() == [2, 1, 1]
    await stage.pass_minutes(1.2)
    assert (rollout.state, rollout.detail) == ("done", "")
    assert stage.revisions() == [2, 2, 2]
    assert stage.rollouts.active == {}
    assert (await stage.rollouts.listed(stage.playbook))[0].finished_at is not None


async def test_less_hashrate_stops_it_and_the_first_gets_back_what_it_had(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], 850.0)
    await stage.pass_minutes(3)
    assert rollout.state == "stopped"
    assert rollout.detail == (
        "Worse than before. rig-01, XMR: 0.8500 instead of 1.000 kH/s, 15 % less. rig-01 was given back revision 1."
    )
    assert stage.revisions() == [1, 1, 1]


async def test_first_rigs_that_had_other_things_are_named(stage: Stage) -> None:
    fresh = await stage.farm.new_rigs("rig-00")
    stage.stats.add(fresh[0], "cpu-gpu")
    stage.rigs = [*fresh, *stage.rigs]
    rollout = await stage.begin(replace(FORM, first=stage.rigs[:2]))
    stage.farm.say(stage.rigs[1], stage.playbook, "failed", detail="no such option")
    await stage.rollouts.tick(1.0)
    assert rollout.detail.endswith("rig-00 and rig-01 were given back what was there before.")
    await stage.farm.playbooks.change(stage.playbook, await stage.farm.new_form(), None)
    again = await stage.begin(replace(FORM, first=stage.rigs[1:]))
    await stage.rollouts.abort(again.id, put_back=True)
    assert again.detail == "Aborted by hand. 3 rigs were given back revision 1."


async def test_what_is_only_queued_is_not_said_to_run(stage: Stage) -> None:
    farm, (first, second, third) = stage.farm, stage.rigs
    await farm.assignments.apply(stage.playbook, stage.rigs)
    farm.say(first, stage.playbook, "mining")
    farm.say(second, stage.playbook, "failed", detail="no such option")
    farm.stats.link_lost(third)
    farm.stats.tick(time.monotonic() + 600)
    farm.stats.link_up(first)
    farm.stats.link_up(second)
    plan = await farm.assignments.plan(stage.playbook, stage.rigs)
    assert [step.detail for step in plan.steps] == [
        "It already runs this.",
        "The rig already has it: failed (no such option).",
        "It is already queued for this rig. The rig is offline: it gets this when it reconnects.",
    ]


async def test_within_the_tolerance_it_goes_on(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], 905.0)
    await stage.pass_minutes(3)
    assert rollout.state == "done"


async def test_more_rejects_stop_it(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], 1000.0, accepted=0, rejected=0)
    await stage.pass_minutes(1)
    stage.mine(stage.rigs[0], 1000.0, accepted=40, rejected=10)
    await stage.pass_minutes(2)
    assert (rollout.state, "20 % of its shares" in rollout.detail) == ("stopped", True)
    assert stage.revisions() == [1, 1, 1]


async def test_one_that_may_stay_worse_is_left_for_a_person_to_look_at(stage: Stage) -> None:
    rollout = await stage.begin(replace(FORM, put_back=False))
    stage.mine(stage.rigs[0], 500.0)
    await stage.pass_minutes(3)
    assert rollout.state == "stopped"
    assert stage.revisions() == [2, 1, 1]


@pytest.mark.parametrize("state", ["failed", "backing-off"])
async def test_a_program_that_does_not_run_stops_it_at_once(stage: Stage, state: Any) -> None:
    rollout = await stage.begin()
    stage.farm.say(stage.rigs[0], stage.playbook, state, detail="unknown option -p")
    await stage.rollouts.tick(1.0)
    assert rollout.state == "stopped"
    assert "rig-01" in rollout.detail
    assert "unknown option -p" in rollout.detail
    assert stage.revisions() == [1, 1, 1]


async def test_a_restart_of_the_program_while_it_is_watched_stops_it(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    stage.farm.say(stage.rigs[0], stage.playbook, "mining", restarts=1)
    await stage.rollouts.tick(1.0)
    assert (rollout.state, "restarted" in rollout.detail) == ("stopped", True)


async def test_a_first_rig_that_goes_away_stops_it_but_a_short_absence_does_not(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    stage.stats.link_lost(stage.rigs[0])
    stage.stats.tick(time.monotonic() + 60)
    await stage.pass_minutes(1.5)
    assert rollout.state == "watching"
    watched = rollout.progress.watched_s
    stage.mine(stage.rigs[0])
    await stage.pass_minutes(0.5)
    assert rollout.progress.watched_s == watched + 30
    stage.stats.link_lost(stage.rigs[0])
    stage.stats.tick(time.monotonic() + 60)
    await stage.pass_minutes(2.5)
    assert (rollout.state, "away" in rollout.detail) == ("stopped", True)


async def test_a_first_rig_that_never_mines_stops_it(stage: Stage) -> None:
    rollout = await stage.begin()
    await stage.pass_minutes(19)
    assert rollout.state == "starting"
    await stage.pass_minutes(2)
    assert (rollout.state, "did not start mining" in rollout.detail) == ("stopped", True)


async def test_nothing_hashed_is_worse_even_without_a_before(farm: Any) -> None:
    stage = await Stage(farm).set()
    for rig_id in stage.rigs:
        stage.log(rig_id, None)
    rollout = await stage.begin()
    assert rollout.plan.before[stage.rigs[0]]["XMR"].hashrate is None
    stage.mine(stage.rigs[0], 5.0)
    await stage.rollouts.tick(1.0)
    stage.mine(stage.rigs[0], 0.0)
    await stage.pass_minutes(3)
    assert (rollout.state, "had no hashrate" in rollout.detail) == ("stopped", True)


async def test_aborting_tells_nobody_else(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.pass_minutes(1)
    await stage.rollouts.abort(rollout.id)
    await stage.pass_minutes(5)
    assert (rollout.state, stage.revisions()) == ("aborted", [2, 1, 1])
    with pytest.raises(Invalid, match="already ended"):
        await stage.rollouts.abort(rollout.id)


async def test_aborting_can_put_the_first_back(stage: Stage) -> None:
    rollout = await stage.begin()
    await stage.rollouts.abort(rollout.id, put_back=True)
    assert (rollout.state, stage.revisions()) == ("aborted", [1, 1, 1])


async def test_what_somebody_does_by_hand_ends_it_and_is_left_alone(stage: Stage) -> None:
    rollout = await stage.begin()
    await stage.farm.assignments.stop(stage.playbook, stage.rigs[:1])
    await stage.rollouts.tick(1.0)
    assert (rollout.state, "were given" in rollout.detail) == ("stopped", True)
    assert stage.revisions() == [2, 1, 1]


async def test_a_rig_with_nothing_before_is_emptied_when_it_does_worse(farm: Any) -> None:
    stage = await Stage(farm).set()
    (new,) = await farm.new_rigs("rig-04")
    stage.stats.add(new, "cpu-gpu")
    rollout = await stage.rollouts.begin(stage.playbook, [new, *stage.rigs], replace(FORM, first=[new]), None)
    farm.say(new, stage.playbook, "failed")
    await stage.rollouts.tick(1.0)
    assert rollout.state == "stopped"
    assert farm.assignments.assigned.of_rig(new) == []


# A Commander that dies in the middle


async def test_a_restart_goes_on_watching(stage: Stage) -> None:
    await stage.begin()
    stage.mine(stage.rigs[0], 1000.0)
    await stage.pass_minutes(1.5)
    again = await stage.restarted()
    (rollout,) = again.rollouts.active.values()
    assert rollout.state == "watching"
    assert 60 <= rollout.progress.watched_s <= 90
    await again.pass_minutes(1)
    assert rollout.state == "watching", "nobody reported yet: no time was watched"
    again.mine(again.rigs[0], 1000.0)
    await again.pass_minutes(1.1)
    assert (rollout.state, again.revisions()) == ("done", [2, 2, 2])


@pytest.mark.parametrize(
    ("dies_in", "then", "revisions"),
    [("applying", "starting", [2, 1, 1]), ("spreading", "done", [2, 2, 2]), ("putting-back", "stopped", [1, 1, 1])],
)
async def test_a_death_between_a_decision_and_its_act_is_made_good(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, dies_in: str, then: str, revisions: list[int]
) -> None:
    class DiedError(Exception):
        pass

    real = Rollouts._act

    async def act(self: Rollouts, rollout: Any) -> None:
        if rollout.state == dies_in:
            raise DiedError
        await real(self, rollout)

    monkeypatch.setattr(Rollouts, "_act", act)
    try:
        await stage.begin()
        stage.mine(stage.rigs[0], 1000.0 if dies_in == "spreading" else 10.0)
        await stage.pass_minutes(3)
    except DiedError:
        pass
    monkeypatch.undo()
    again = await stage.restarted()
    (rollout,) = again.rollouts.active.values()
    assert rollout.state == dies_in
    await again.rollouts.tick(1.0)
    assert (rollout.state, again.revisions()) == (then, revisions)


# What cannot be begun


async def test_one_at_a_time(stage: Stage) -> None:
    await stage.begin()
    with pytest.raises(Conflict, match="under way"):
        await stage.begin()
    other = await stage.farm.playbooks.create(await stage.farm.new_form("other"))
    with pytest.raises(Conflict, match="some of these rigs"):
        await stage.rollouts.begin(other.id, stage.rigs, FORM, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"watch_minutes": 0}, "watch_minutes"),
        ({"watch_minutes": float("nan")}, "watch_minutes"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"max_rejects": -0.1}, "max_rejects"),
        ({"first": [999]}, "first"),
    ],
)
async def test_what_cannot_be_is_said(stage: Stage, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await stage.begin(replace(FORM, **changes))
    assert set(refusal.value.fields) == {field}
    assert stage.revisions() == [1, 1, 1]


async def test_nothing_to_do_is_said(stage: Stage) -> None:
    await stage.farm.assignments.apply(stage.playbook, stage.rigs)
    with pytest.raises(Invalid, match=r"Nothing to do on these rigs\. It is already queued for this rig\.$"):
        await stage.begin()


async def test_a_few_reasons_are_enough(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand rigs may have a thousand of them."""
    plan = await stage.farm.assignments.plan(stage.playbook, stage.rigs)
    steps = [replace(plan.steps[0], action="refused", detail=f"Reason {number}.") for number in range(4)]

    async def refuses(*_: object) -> Any:
        return replace(plan, steps=steps)

    monkeypatch.setattr(stage.farm.assignments, "plan", refuses)
    with pytest.raises(Invalid, match=r"^Nothing to do on these rigs\. Reason 0\. Reason 1\. Reason 2\.$"):
        await stage.begin()


async def test_removing_the_playbook_ends_it(stage: Stage) -> None:
    await stage.begin()
    await stage.farm.playbooks.remove(stage.playbook, even_if_used=True)
    await stage.pass_minutes(1)
    assert stage.rollouts.active == {}
    assert (await stage.restarted()).rollouts.active == {}


async def test_a_rollout_that_breaks_keeps_no_other_one_waiting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this one roll-out that meets a defect stops all of them, with their rigs on two revisions."""
    await stage.rollouts.begin(stage.playbook, stage.rigs, FORM, None)
    ticked: list[object] = []

    async def fragile(rollout: object, passed_s: float) -> None:
        ticked.append(rollout)
        if len(ticked) == 1:
            raise RuntimeError("a defect")

    rollout = next(iter(stage.rollouts.active.values()))
    stage.rollouts.active[999] = rollout
    monkeypatch.setattr(stage.rollouts, "_tick", fragile)
    with pytest.raises(RuntimeError, match="a defect"):  # its supervisor reports it
        await stage.rollouts.tick(1.0)
    assert len(ticked) == 2


# Who is first, and what is held against it


async def test_a_rig_that_is_offline_is_not_the_first(stage: Stage) -> None:
    """Nothing would be watched, and after twenty minutes the roll-out would stop without a word about the revision."""
    stage.stats.link_lost(stage.rigs[0])
    stage.stats.tick(time.monotonic() + 60)
    rollout = await stage.begin()
    assert (rollout.plan.first, rollout.plan.rest) == ([stage.rigs[1]], [stage.rigs[0], stage.rigs[2]])


@pytest.mark.parametrize("rate", [0.0, None])
async def test_what_a_program_does_until_it_is_warm_is_not_held_against_it(stage: Stage, rate: float | None) -> None:
    """A DAG or data set is made anew by each program: every roll-out of such a coin would stop."""
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], 1000.0)
    await stage.rollouts.tick(1.0)
    stage.log(stage.rigs[0], rate)
    await stage.pass_minutes(20 / 60)
    stage.log(stage.rigs[0], 1000.0)
    await stage.pass_minutes(2)
    assert rollout.state == "done"


async def test_half_of_the_watch_without_a_hash_is_held_against_it(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], 1000.0)
    await stage.rollouts.tick(1.0)
    stage.log(stage.rigs[0], 0.0)
    await stage.pass_minutes(1)
    stage.log(stage.rigs[0], 1000.0)
    await stage.pass_minutes(2)
    assert (rollout.state, "hashed" in rollout.detail or "less" in rollout.detail) == ("stopped", True)


async def test_rejects_of_before_the_watch_are_not_the_revisions(stage: Stage) -> None:
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], accepted=100, rejected=90)
    await stage.pass_minutes(0.5)
    stage.mine(stage.rigs[0], accepted=200, rejected=90)
    await stage.pass_minutes(2)
    assert rollout.state == "done"


async def test_a_counter_that_begins_again_counts_from_zero(stage: Stage) -> None:
    """The coin's rounds, or another pool: the program goes on, and its counters do not."""
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], accepted=5_000, rejected=0)
    await stage.pass_minutes(0.5)
    stage.mine(stage.rigs[0], accepted=8, rejected=12)
    await stage.pass_minutes(2)
    assert (rollout.state, "60 % of its shares" in rollout.detail) == ("stopped", True)


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ((80, 20), "done"),  # it had as many before
        ((97, 3), "stopped"),
        ((8, 2), "stopped"),  # too few shares to tell what it had
    ],
)
async def test_rejects_are_compared_with_those_of_before(stage: Stage, before: tuple[int, int], state: str) -> None:
    """A pool far away rejects a fifth of everything: no revision changes that."""
    stage.log(stage.rigs[0], 1000.0, *before)
    rollout = await stage.begin()
    stage.mine(stage.rigs[0], accepted=0, rejected=0)
    await stage.pass_minutes(0.5)
    stage.mine(stage.rigs[0], accepted=80, rejected=20)
    await stage.pass_minutes(2)
    assert rollout.state == state


@pytest.mark.parametrize("put_back", [True, False])
@pytest.mark.parametrize("how", ["fails", "never starts", "goes away", "does worse"])
async def test_however_it_stops_the_first_get_back_what_they_had_if_so_wished(
    stage: Stage, how: str, *, put_back: bool
) -> None:
    rollout = await stage.begin(replace(FORM, put_back=put_back))
    first = stage.rigs[0]
    if how == "fails":
        stage.farm.say(first, stage.playbook, "failed", detail="no such option")
    elif how != "never starts":
        stage.mine(first, 500.0 if how == "does worse" else 1000.0)
        await stage.pass_minutes(0.2)
    if how == "goes away":
        stage.stats.link_lost(first)
        stage.stats.tick(time.monotonic() + 3600)
    await stage.pass_minutes(40)
    assert rollout.state == "stopped"
    assert stage.revisions() == ([1, 1, 1] if put_back else [2, 1, 1])


async def test_an_older_revision_is_rolled_out_when_that_is_asked_for(stage: Stage) -> None:
    await stage.farm.assignments.apply(stage.playbook, stage.rigs)
    assert stage.revisions() == [2, 2, 2]
    rollout = await stage.rollouts.begin(stage.playbook, stage.rigs, FORM, 1)
    assert rollout.plan.revision == 1
    assert stage.revisions() == [1, 2, 2]
    stage.farm.say(stage.rigs[0], stage.playbook, "mining", revision=1)
    stage.log(stage.rigs[0], 1000.0)
    await stage.pass_minutes(3)
    assert (rollout.state, stage.revisions()) == ("done", [1, 1, 1]), "the rest gets the same one, not the newest"


async def test_rigs_that_could_not_take_it_are_counted(stage: Stage) -> None:
    """They changed while the first was watched: an operator must not believe that all have it."""
    rollout = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.pass_minutes(0.2)
    plan = await stage.farm.assignments.plan(stage.playbook, stage.rigs[1:], 2)
    steps = [replace(step, action="refused", detail="no room") for step in plan.steps]

    async def refuses(*_: object, **__: object) -> Any:
        return replace(plan, steps=steps)

    stage.rollouts._assignments.apply = refuses
    await stage.pass_minutes(3)
    assert (rollout.state, rollout.detail) == ("done", "2 rigs could not run it.")


@pytest.mark.parametrize(
    ("counts", "rejects"),
    [
        ([(19, 0)], None),
        ([(20, 0)], 0.0),
        ([(18, 2)], 0.1),
        ([(10, 0), (8, 2)], 0.1),
        ([(None, 30)], 1.0),
        ([(30, None)], 0.0),
        ([(None, None)], None),
        ([(-5, 20)], 1.0),
    ],
)
async def test_rejects_of_before_need_enough_shares(
    stage: Stage, counts: list[tuple[int | None, int | None]], rejects: float | None
) -> None:
    workloads = [Workload(coin="XMR", hashrate=0.5, accepted=good, rejected=bad) for good, bad in counts]
    stage.t += 5000
    stage.stats.receive(
        stage.rigs[0], OperationalLog(stage.t, workloads=[*workloads, Workload(coin="KAS", hashrate=9.0)])
    )
    found = before_of(stage.stats.rigs[stage.rigs[0]], ["XMR", "ZEC"])
    assert found["XMR"].rejects == (None if rejects is None else pytest.approx(rejects))
    assert found["XMR"].hashrate == pytest.approx(0.5 * len(counts)), "less than a hash a second is a hashrate, too"
    assert found["ZEC"] == Before()
