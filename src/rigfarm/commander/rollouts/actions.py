"""Takes roll-outs from step to step. A step is a row before it is an act, and an act may be done twice: so a Commander
that dies in the middle goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.events import Events, PlaybookRemoved, RolloutEnded
from rigfarm.commander.live import Hub
from rigfarm.commander.playbooks.model import Playbook
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rollouts import broadcasts, store
from rigfarm.commander.rollouts.model import Rollout, RolloutForm, RolloutPlan, RolloutState
from rigfarm.commander.rollouts.watch.compare import before_of, look, worse
from rigfarm.commander.rollouts.watch.observations import Observations
from rigfarm.commander.staged import pass_time, take_on
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.units import counted, duration

__all__ = ["Rollouts"]

KEEP_EVERY_S = 30.0
START_WITHIN_S = 1_200.0
"""Downloading, unpacking, a data set: so long may the first rigs take until they mine."""
AWAY_S = 120.0
"""A first rig that is gone for so long while it is watched does worse."""
LISTED = 20

log = structlog.get_logger()


class Rollouts:
    """All roll-outs that have not ended, in memory."""

    def __init__(
        self, storage: Storage, hub: Hub, events: Events, assignments: Assignments, stats: OperationalStats
    ) -> None:
        self.active: dict[int, Rollout] = {}
        self._storage = storage
        self._hub = hub
        self._events = events
        self._assignments = assignments
        self._stats = stats
        self._observed = Observations(assignments, stats)
        self._working = asyncio.Lock()
        self._started: dict[int, float] = {}
        self._kept: dict[int, float] = {}
        events.listen(PlaybookRemoved, self._playbook_removed)

    async def load(self) -> None:
        """Go on with what was under way; once, before serving."""
        async with self._storage.read() as tx:
            self.active = {one.id: one for one in await store.load_active(tx)}

    # Looking up

    def of(self, playbook_id: int) -> Rollout | None:
        """The playbook's roll-out that has not ended."""
        return next((one for one in self.active.values() if one.playbook_id == playbook_id), None)

    async def get(self, rollout_id: int) -> Rollout:
        """Any roll-out there ever was, or Absent."""
        if rollout_id in self.active:
            return self.active[rollout_id]
        async with self._storage.read() as tx:
            found = await store.load_rollout(tx, rollout_id)
        if found is None:
            raise Absent(f"Roll-out {rollout_id} does not exist.")
        return found

    async def latest(self, playbook_id: int) -> Rollout | None:
        """The playbook's roll-out under way, else the last that it had."""
        return self.of(playbook_id) or next(iter(await self.listed(playbook_id)), None)

    async def gave_up(self, playbook: Playbook) -> bool:
        """Whether the newest revision was tried and did not spread: its roll-out was stopped or aborted."""
        latest = await self.latest(playbook.id)
        return (
            latest is not None
            and latest.state in ("stopped", "aborted")
            and (latest.plan.revision == playbook.revision)
        )

    async def listed(
        self, playbook_id: int | None = None, before: int | None = None, limit: int = LISTED
    ) -> list[Rollout]:
        """The latest, or the latest made before that one; newest first."""
        async with self._storage.read() as tx:
            found = await store.load_rollouts(tx, playbook_id, limit, before)
        return [self.active.get(one.id, one) for one in found]

    # What operators do

    async def begin(self, playbook_id: int, rig_ids: Iterable[int], form: RolloutForm, revision: int | None) -> Rollout:
        """Give the first rigs the revision, then see."""
        describe("start roll-out")
        _check(form)
        async with self._working:
            if self.of(playbook_id) is not None:
                raise Conflict("A roll-out of this playbook is under way: wait for it, or abort it.")
            busy = {rig_id for one in self.active.values() for rig_id in (*one.plan.first, *one.plan.rest)}
            plan = await _decide(self._assignments, self._observed, playbook_id, rig_ids, form, revision, busy)
            async with self._storage.begin() as tx:
                rollout = await store.insert_rollout(tx, playbook_id, plan, utc_ms())
            self.active[rollout.id] = rollout
            self._told(rollout)
            await self._act(rollout)
            self._describe("start roll-out", rollout)
            compare({}, {"first": len(plan.first), "then": len(plan.rest), "watched for": duration(plan.watch_s)})
        return rollout

    async def abort(self, rollout_id: int, *, put_back: bool = False) -> Rollout:
        """Stop it where it is; the rest is not told. `put_back`: the first rigs get what they had."""
        describe("abort roll-out")
        async with self._working:
            rollout = self.active.get(rollout_id)
            if rollout is None:
                raise Invalid("This roll-out has already ended.")
            self._describe("abort roll-out", rollout)
            before = rollout.state
            await self._end(rollout, "aborted", "Aborted by hand.", put_back=put_back)
            compare({"state": before}, {"state": rollout.state})
        return rollout

    # Time passes

    async def run(self, part: Part) -> None:
        """Take all of them on, until cancelled."""
        await pass_time(part, lambda passed_s: self.tick(passed_s))

    async def tick(self, passed_s: float) -> None:
        """So much time passed."""
        async with self._working:
            await take_on(self.active.values(), lambda one: self._tick(one, passed_s), _waits)

    async def _tick(self, rollout: Rollout, passed_s: float) -> None:
        if rollout.state in ("applying", "spreading", "putting-back"):
            await self._act(rollout)  # a restart came between the decision and the act
            return
        if trouble := self._observed.trouble(rollout):
            await self._end(rollout, "stopped", trouble, put_back=rollout.plan.put_back)
        elif self._observed.taken_away(rollout):
            await self._end(
                rollout, "stopped", "The first rigs were given something else in the meantime.", put_back=False
            )
        elif rollout.state == "starting":
            await self._wait_for_start(rollout, passed_s)
        else:
            await self._watch(rollout, passed_s)

    async def _wait_for_start(self, rollout: Rollout, passed_s: float) -> None:
        if all(self._observed.mines(rollout, rig_id) for rig_id in rollout.plan.first):
            for rig_id in rollout.plan.first:
                status = self._assignments.statuses.get(rig_id, rollout.playbook_id)
                rollout.progress.restarts[rig_id] = 0 if status is None else status.restarts
            await self._move(rollout, "watching")
            return
        self._started[rollout.id] = self._started.get(rollout.id, 0.0) + passed_s
        if self._started[rollout.id] >= START_WITHIN_S:
            text = f"The first rigs did not start mining within {duration(START_WITHIN_S)}."
            await self._end(rollout, "stopped", text, put_back=rollout.plan.put_back)

    async def _watch(self, rollout: Rollout, passed_s: float) -> None:
        progress = rollout.progress
        up = all(self._observed.up(rig_id) for rig_id in rollout.plan.first)
        if up:
            progress.away_s = 0.0
            look(rollout, self._stats.rigs, passed_s)
            progress.watched_s += passed_s
        else:
            progress.away_s += passed_s
        if progress.away_s >= AWAY_S:
            text = f"A first rig has been away for {duration(progress.away_s)}."
            await self._end(rollout, "stopped", text, put_back=rollout.plan.put_back)
        elif progress.watched_s >= rollout.plan.watch_s:
            await self._judge(rollout)
        else:
            await self._keep_now_and_then(rollout, passed_s)

    async def _judge(self, rollout: Rollout) -> None:
        names = {rig_id: rig.name for rig_id in rollout.plan.first if (rig := self._assignments.rigs.rigs.get(rig_id))}
        if reason := worse(rollout, names):
            await self._end(rollout, "stopped", f"Worse than before. {reason}.", put_back=rollout.plan.put_back)
            return
        await self._move(rollout, "spreading")
        await self._act(rollout)

    # Acts: each follows its row, and may be done again

    async def _act(self, rollout: Rollout) -> None:
        running, plan = self._assignments, rollout.plan
        if rollout.state == "applying":
            await running.apply(rollout.playbook_id, plan.first, plan.revision)
            await self._move(rollout, "starting")
        elif rollout.state == "spreading":
            done = await running.apply(rollout.playbook_id, plan.rest, plan.revision)
            refused = done.counts["refused"]
            rollout.detail = f"{refused} rigs could not run it." if refused else ""
            await self._finish(rollout, "done")
        elif rollout.state == "putting-back":
            await running.put_back(plan.first, plan.had)
            given_back = self._given_back(rollout)
            rollout.detail = f"{rollout.detail.removesuffix(given_back).rstrip()} {given_back}".rstrip()
            await self._finish(rollout, rollout.progress.ending)

    def _given_back(self, rollout: Rollout) -> str:
        """That the first rigs have again what they had, for people."""
        rigs = self._assignments.rigs.rigs
        first = [rigs[rig_id].name for rig_id in rollout.plan.first if rig_id in rigs]
        who = " and ".join(first) if len(first) < 3 else counted(len(first), "rig")
        had = {
            next((one.revision for one in rollout.plan.had[rig_id] if one.playbook_id == rollout.playbook_id), None)
            for rig_id in rollout.plan.first
        }
        number = had.pop() if len(had) == 1 else None
        what = "what was there before" if number is None else f"revision {number}"
        return f"{who} {'was' if len(first) == 1 else 'were'} given back {what}." if first else ""

    async def _end(self, rollout: Rollout, ending: RolloutState, why: str, *, put_back: bool) -> None:
        rollout.detail = why
        rollout.progress.ending = ending
        log.info("roll-out ended", playbook=rollout.playbook_id, rollout=rollout.id, ending=ending, why=why)
        if put_back and rollout.state != "applying":
            await self._move(rollout, "putting-back")
            await self._act(rollout)
        else:
            await self._finish(rollout, ending)

    async def _finish(self, rollout: Rollout, ending: RolloutState) -> None:
        rollout.finished_at = utc_ms()
        await self._move(rollout, ending)
        self._forget(rollout)
        rigs = tuple(self._names(rollout).items())
        name = self._playbook(rollout)
        self._events.publish(RolloutEnded(rollout.id, rollout.playbook_id, name, ending, rollout.detail, rigs))

    async def _move(self, rollout: Rollout, state: RolloutState) -> None:
        before, rollout.state = rollout.state, state
        try:
            await self._keep(rollout)
        except SQLAlchemyError:
            rollout.state = before
            raise
        self._told(rollout)

    async def _keep_now_and_then(self, rollout: Rollout, passed_s: float) -> None:
        self._kept[rollout.id] = self._kept.get(rollout.id, 0.0) + passed_s
        self._told(rollout)
        if self._kept[rollout.id] >= KEEP_EVERY_S:
            await self._keep(rollout)

    async def _keep(self, rollout: Rollout) -> None:
        self._kept[rollout.id] = 0.0
        async with self._storage.begin() as tx:
            await store.save_rollout(tx, rollout)

    def _playbook_removed(self, removed: PlaybookRemoved) -> None:
        for rollout in [one for one in self.active.values() if one.playbook_id == removed.playbook_id]:
            self._forget(rollout)

    def _forget(self, rollout: Rollout) -> None:
        self.active.pop(rollout.id, None)
        self._started.pop(rollout.id, None)
        self._kept.pop(rollout.id, None)

    def _describe(self, action: str, rollout: Rollout) -> None:
        describe(action, revision=rollout.plan.revision, rollout=rollout.id)
        concerns("rollout", {rollout.id: f"roll-out {rollout.id}"})
        concerns("playbook", {rollout.playbook_id: self._playbook(rollout)})
        concerns("rig", self._names(rollout))

    def _playbook(self, rollout: Rollout) -> str:
        playbook = self._assignments.playbooks.playbooks.get(rollout.playbook_id)
        return f"playbook {rollout.playbook_id}" if playbook is None else playbook.name

    def _names(self, rollout: Rollout) -> dict[int, str]:
        rigs = self._assignments.rigs.rigs
        return {one: rigs[one].name for one in (*rollout.plan.first, *rollout.plan.rest) if one in rigs}

    def _told(self, rollout: Rollout) -> None:
        broadcasts.rollout_changed(self._hub, rollout.playbook_id)


def _waits(rollout: Rollout, error: Exception) -> None:
    log.error("a roll-out waits", rollout=rollout.id, playbook=rollout.playbook_id, error=str(error))


def _check(form: RolloutForm) -> None:
    wrong: dict[str, str] = {}
    if not 0.05 <= form.watch_minutes <= 1440:
        wrong["watch_minutes"] = "Watch for at least 3 seconds and at most a day (1440 minutes)."
    if not 0 <= form.tolerance < 1:
        wrong["tolerance"] = "From 0 (nothing may be lost) to 0.99."
    if not 0 <= form.max_rejects <= 1:
        wrong["max_rejects"] = "From 0 to 1."
    if wrong:
        raise Invalid.of(wrong)


async def _decide(
    assignments: Assignments,
    observed: Observations,
    playbook_id: int,
    rig_ids: Iterable[int],
    form: RolloutForm,
    revision: int | None,
    busy: set[int],
) -> RolloutPlan:
    """Who comes first, who then, and what the first did before. `busy`: rigs of other roll-outs."""
    plan = await assignments.plan(playbook_id, rig_ids, revision)
    candidates = plan.rigs
    if not candidates:
        reasons = {step.detail for step in plan.steps}
        raise Invalid("Nothing to do on these rigs. " + " ".join(sorted(reasons)[:3]))
    first = form.first or sorted(candidates, key=lambda rig_id: not observed.up(rig_id))[:1]
    if strange := [rig_id for rig_id in first if rig_id not in candidates]:
        raise Invalid(f"Rig {strange[0]} cannot be the first: nothing would change on it.", field="first")
    if busy & set(candidates):
        raise Conflict("Another roll-out is under way on some of these rigs: wait for it, or abort it.")
    content = await assignments.playbooks.need(playbook_id, plan.revision)
    return RolloutPlan(
        revision=plan.revision,
        first=first,
        rest=[rig_id for rig_id in candidates if rig_id not in first],
        watch_s=form.watch_minutes * 60.0,
        tolerance=form.tolerance,
        max_rejects=form.max_rejects,
        put_back=form.put_back,
        had={rig_id: assignments.assigned.of_rig(rig_id) for rig_id in first},
        before={rig_id: before_of(observed.stats(rig_id), content.coins) for rig_id in first},
    )
