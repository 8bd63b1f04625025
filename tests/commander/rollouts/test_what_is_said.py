"""What a roll-out tells whom, how long it waits, and what it remembers of those that ended."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError
from test_rollouts import FORM, Stage

from rigfarm.commander.events import RolloutEnded
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rollouts import RolloutForm, actions
from rigfarm.commander.rollouts.actions import AWAY_S, KEEP_EVERY_S, LISTED, START_WITHIN_S
from rigfarm.commander.rollouts.model import Rollout
from rigfarm.common.clock import utc_ms


@pytest.fixture
async def stage(farm: Any) -> Stage:
    return await Stage(farm).set()


async def again(stage: Stage) -> Rollout:
    """Another revision, and its roll-out."""
    form = await stage.farm.new_form()
    number = len(await stage.rollouts.listed())
    await stage.farm.playbooks.change(stage.playbook, replace(form, template=f"-u $CPU_WALLET -p {number}"), None)
    return await stage.begin()  # type: ignore[no-any-return]


# Looking up


async def test_one_is_found_while_it_is_under_way_and_when_it_is_over(stage: Stage) -> None:
    with pytest.raises(Absent, match=r"^Roll-out 1 does not exist\.$"):
        await stage.rollouts.get(1)
    assert await stage.rollouts.latest(stage.playbook) is None
    before = utc_ms()
    one = await stage.begin()
    assert before <= one.created_at <= utc_ms()
    assert (await stage.rollouts.get(one.id), await stage.rollouts.latest(stage.playbook)) == (one, one)
    assert (await stage.rollouts.get(one.id)) is one, "the one that changes, not a copy"
    assert stage.rollouts.of(stage.playbook + 1) is None
    assert await stage.rollouts.latest(stage.playbook + 1) is None
    await stage.rollouts.abort(one.id)
    assert stage.rollouts.of(stage.playbook) is None
    ended = await stage.rollouts.get(one.id)
    assert (ended.state, ended.detail, ended.plan) == ("aborted", "Aborted by hand.", one.plan)
    assert ended.finished_at is not None
    assert before <= ended.finished_at <= utc_ms()
    assert (await stage.rollouts.latest(stage.playbook)) == ended


async def test_the_latest_are_listed_newest_first_and_by_page(stage: Stage) -> None:
    for _ in range(3):
        await stage.rollouts.abort((await again(stage)).id)
    under_way = await again(stage)
    ids = [one.id for one in await stage.rollouts.listed()]
    assert ids == [4, 3, 2, 1]
    assert [one.id for one in await stage.rollouts.listed(stage.playbook, before=3)] == [2, 1]
    assert [one.id for one in await stage.rollouts.listed(limit=2)] == [4, 3]
    assert await stage.rollouts.listed(stage.playbook + 1) == []
    assert (await stage.rollouts.listed(stage.playbook))[0] is under_way
    assert LISTED == 20


@pytest.mark.parametrize(
    ("state", "gave_up"), [("aborted", True), ("stopped", True), ("done", False), ("watching", False)]
)
async def test_whether_the_newest_revision_was_tried_and_did_not_spread(
    stage: Stage, state: str, *, gave_up: bool
) -> None:
    """Editing starts from what the rigs run then, and says so."""
    playbook = stage.farm.playbooks.playbooks[stage.playbook]
    assert not await stage.rollouts.gave_up(playbook)
    one = await stage.begin()
    stage.mine(stage.rigs[0], 1_000.0 if state != "stopped" else 5.0)
    if state == "aborted":
        await stage.rollouts.abort(one.id)
    else:
        await stage.pass_minutes(0.5 if state == "watching" else 3)
    assert one.state == state
    assert await stage.rollouts.gave_up(playbook) is gave_up
    assert not await stage.rollouts.gave_up(replace(playbook, revision=playbook.revision + 1))


# What is told


async def test_what_was_done_is_in_the_activity(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks a week later why half the farm has another revision finds it there."""
    described: list[tuple[str, dict[str, Any]]] = []
    about: list[tuple[str, dict[int, str]]] = []
    compared: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(actions, "describe", lambda what, **more: described.append((what, more)))
    monkeypatch.setattr(actions, "concerns", lambda kind, which: about.append((kind, which)))
    monkeypatch.setattr(actions, "compare", lambda before, after: compared.append((before, after)))
    one = await stage.begin()
    name = stage.farm.playbooks.playbooks[stage.playbook].name
    rigs = dict(zip(stage.rigs, ("rig-01", "rig-02", "rig-03"), strict=True))
    concerned = [("rollout", {one.id: f"roll-out {one.id}"}), ("playbook", {stage.playbook: name}), ("rig", rigs)]
    assert described == [("start roll-out", {}), ("start roll-out", {"revision": 2, "rollout": one.id})]
    assert (about, compared) == (concerned, [({}, {"first": 1, "then": 2, "watched for": "2 min"})])
    for said in (described, about, compared):
        said.clear()  # type: ignore[attr-defined]
    await stage.rollouts.abort(one.id)
    assert described == [("abort roll-out", {}), ("abort roll-out", {"revision": 2, "rollout": one.id})]
    assert (about, compared) == (concerned, [({"state": "starting"}, {"state": "aborted"})])


async def test_its_end_is_said_with_its_rigs(stage: Stage) -> None:
    ended: list[RolloutEnded] = []
    stage.farm.events.listen(RolloutEnded, ended.append)
    name = stage.farm.playbooks.playbooks[stage.playbook].name
    rigs = tuple(zip(stage.rigs, ("rig-01", "rig-02", "rig-03"), strict=True))
    one = await stage.begin()
    stage.farm.say(stage.rigs[0], stage.playbook, "failed", detail="no such option")
    await stage.rollouts.tick(1.0)
    detail = "It failed on rig-01. no such option rig-01 was given back revision 1."
    assert ended == [RolloutEnded(one.id, stage.playbook, name, "stopped", detail, rigs)]
    other = await again(stage)
    await stage.farm.rigs.remove(stage.rigs[1])
    await stage.rollouts.abort(other.id)
    assert ended[1:] == [
        RolloutEnded(other.id, stage.playbook, name, "aborted", "Aborted by hand.", (rigs[0], rigs[2]))
    ]


async def test_what_the_first_rigs_were_given_back_is_said_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although the disk was full, and it took three attempts to store the end."""
    one = await stage.begin()
    stage.farm.say(stage.rigs[0], stage.playbook, "failed", detail="no such option")
    keep = stage.rollouts._keep

    async def full(rollout: Rollout) -> None:
        if rollout.state == "stopped":
            raise OperationalError("disk is full", None, Exception())
        await keep(rollout)

    monkeypatch.setattr(stage.rollouts, "_keep", full)
    await stage.rollouts.tick(1.0)
    await stage.rollouts.tick(1.0)
    assert one.state == "putting-back"
    monkeypatch.undo()
    await stage.rollouts.tick(1.0)
    assert one.state == "stopped"
    assert one.detail == "It failed on rig-01. no such option rig-01 was given back revision 1."


async def test_a_first_rig_that_was_removed_is_given_nothing_back(stage: Stage) -> None:
    one = await stage.begin()
    await stage.farm.rigs.remove(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    assert (one.state, one.detail) == ("stopped", "A first rig was removed.")


async def test_a_playbook_that_was_removed_while_its_roll_out_ended_is_named_by_its_number(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The activity says of what a roll-out ended; it would name nothing."""
    ended: list[RolloutEnded] = []
    stage.farm.events.listen(RolloutEnded, ended.append)
    await stage.begin()
    stage.mine(stage.rigs[0])
    apply = stage.farm.assignments.apply

    async def removed_meanwhile(*of_it: Any) -> Any:
        done = await apply(*of_it)
        await stage.farm.playbooks.remove(stage.playbook, even_if_used=True)
        return done

    monkeypatch.setattr(stage.farm.assignments, "apply", removed_meanwhile)
    await stage.pass_minutes(3)
    assert stage.rollouts.active == {}
    assert [(one.playbook, one.state) for one in ended] == [(f"playbook {stage.playbook}", "done")]


async def test_viewers_are_told_of_each_step_and_of_the_time_that_passes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    one: Rollout | None = None
    monkeypatch.setattr(stage.rollouts, "_told", lambda rollout: told.append(rollout.state))
    one = await stage.begin()
    assert told == ["applying", "starting"]
    stage.mine(stage.rigs[0])
    for _ in range(3):
        await stage.rollouts.tick(1.0)
    assert told[2:] == ["watching", "watching", "watching"]
    await stage.pass_minutes(2)
    assert told[-2:] == ["spreading", "done"]
    assert one.finished_at is not None


# How long it waits


async def test_the_first_rigs_may_take_their_time_to_start(stage: Stage) -> None:
    """A large data set on a slow line; but not for ever."""
    one = await stage.begin()
    await stage.rollouts.tick(START_WITHIN_S - 1.0)
    assert one.state == "starting"
    await stage.rollouts.tick(1.0)
    assert one.state == "stopped"
    assert one.detail.startswith("The first rigs did not start mining within 20 min")


async def test_all_first_rigs_have_to_mine_before_they_are_watched(stage: Stage) -> None:
    one = await stage.begin(replace(FORM, first=stage.rigs[:2]))
    stage.mine(stage.rigs[0])
    await stage.pass_minutes(1)
    assert one.state == "starting"
    stage.farm.say(stage.rigs[1], stage.playbook, "mining", restarts=2)
    stage.log(stage.rigs[1], 1_000.0)
    await stage.rollouts.tick(1.0)
    assert (one.state, one.progress.restarts) == ("watching", {stage.rigs[0]: 0, stage.rigs[1]: 2})
    await stage.rollouts.tick(1.0)
    assert one.state == "watching", "it was restarted before, and not since"


async def test_an_absence_counts_only_if_it_lasts(stage: Stage) -> None:
    one = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    stage.stats.link_lost(stage.rigs[0])
    stage.stats.tick(time.monotonic() + 60)
    await stage.rollouts.tick(AWAY_S - 1.0)
    assert (one.state, one.progress.away_s, one.progress.watched_s) == ("watching", AWAY_S - 1.0, 0.0)
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    assert (one.progress.away_s, one.progress.watched_s) == (0.0, 1.0)
    stage.stats.link_lost(stage.rigs[0])
    stage.stats.tick(time.monotonic() + 60)
    await stage.rollouts.tick(AWAY_S)
    assert (one.state, one.detail.startswith("A first rig has been away for 2 min")) == ("stopped", True)


async def test_the_watch_is_over_when_its_time_is(stage: Stage) -> None:
    one = await stage.begin()
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)
    await stage.rollouts.tick(119.0)
    assert one.state == "watching"
    assert one.fraction == pytest.approx(119 / 120)
    await stage.rollouts.tick(1.0)
    assert (one.state, one.fraction) == ("done", 1.0)


async def test_how_far_it_is_is_stored_now_and_then(stage: Stage) -> None:
    """A Commander that dies goes on with the watch; writing each second would wear out its disk."""
    one = await stage.begin(replace(FORM, watch_minutes=10.0))
    stage.mine(stage.rigs[0])
    await stage.rollouts.tick(1.0)

    async def stored() -> float:
        (kept,) = (await stage.restarted()).rollouts.active.values()
        return kept.progress.watched_s

    await stage.rollouts.tick(KEEP_EVERY_S - 1.0)
    assert (await stored(), one.progress.watched_s) == (0.0, KEEP_EVERY_S - 1.0)
    await stage.rollouts.tick(1.0)
    assert await stored() == KEEP_EVERY_S
    await stage.rollouts.tick(KEEP_EVERY_S - 1.0)
    assert await stored() == KEEP_EVERY_S
    await stage.rollouts.tick(1.0)
    assert await stored() == 2 * KEEP_EVERY_S


# Who comes first


async def test_who_was_chosen_comes_first_and_the_others_keep_their_order(stage: Stage) -> None:
    one = await stage.begin(replace(FORM, first=[stage.rigs[2], stage.rigs[0]], watch_minutes=3.0, put_back=False))
    plan = one.plan
    assert (plan.first, plan.rest) == ([stage.rigs[2], stage.rigs[0]], [stage.rigs[1]])
    assert (plan.revision, plan.watch_s, plan.tolerance, plan.max_rejects, plan.put_back) == (
        2,
        180.0,
        0.1,
        0.05,
        False,
    )
    assert {rig: [one.revision for one in had] for rig, had in plan.had.items()} == {
        stage.rigs[2]: [1], stage.rigs[0]: [1],
    }  # fmt: skip
    assert set(plan.before) == set(plan.first)


@pytest.mark.parametrize(
    "good",
    [
        {"watch_minutes": 0.05},
        {"watch_minutes": 1440.0},
        {"tolerance": 0.0},
        {"max_rejects": 0.0},
        {"max_rejects": 1.0},
    ],
)
async def test_the_limits_themselves_are_allowed(stage: Stage, good: dict[str, float]) -> None:
    assert (await stage.begin(replace(FORM, **good))).state == "starting"


async def test_everything_that_is_wrong_is_said_at_once(stage: Stage) -> None:
    with pytest.raises(Invalid) as refusal:
        await stage.begin(RolloutForm(watch_minutes=1441.0, tolerance=-0.1, max_rejects=1.1))
    assert set(refusal.value.fields) == {"watch_minutes", "tolerance", "max_rejects"}
    with pytest.raises(Invalid, match=r"Rig 999 cannot be the first: nothing would change on it"):
        await stage.begin(replace(FORM, first=[stage.rigs[0], 999]))


async def test_rigs_of_another_roll_out_are_left_alone(stage: Stage) -> None:
    """Two revisions at once on one rig: neither could be judged."""
    one = await stage.rollouts.begin(stage.playbook, stage.rigs[:2], FORM, None)
    other = (await stage.farm.playbooks.create(await stage.farm.new_form("other"))).id
    for rigs in ([stage.rigs[0]], [stage.rigs[1], stage.rigs[2]]):
        with pytest.raises(Conflict, match="Another roll-out is under way on some of these rigs"):
            await stage.rollouts.begin(other, rigs, FORM, None)
    fine = await stage.rollouts.begin(other, [stage.rigs[2]], FORM, None)
    assert set(stage.rollouts.active) == {one.id, fine.id}
    await stage.rollouts.abort(one.id)
    assert set(stage.rollouts.active) == {fine.id}


async def test_what_it_was_given_before_it_could_act_is_not_taken_back(stage: Stage) -> None:
    """It was stopped between its row and its act: the first rigs were told nothing."""
    one = await stage.begin()
    one.state = "applying"
    await stage.rollouts.abort(one.id, put_back=True)
    assert (one.state, one.detail) == ("aborted", "Aborted by hand.")
    assert stage.revisions() == [2, 1, 1]


async def test_what_cannot_be_stored_did_not_happen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await stage.begin()
    stage.mine(stage.rigs[0])

    async def full(_: object) -> None:
        raise OperationalError("disk is full", None, Exception())

    monkeypatch.setattr(stage.rollouts, "_keep", full)
    await stage.rollouts.tick(1.0)
    assert one.state == "starting", "it waits, and tries again"
    monkeypatch.undo()
    await stage.rollouts.tick(1.0)
    assert one.state == "watching"
