"""Takes roll-outs from step to step. A step is a row before it is an act, and an act may be done twice: so a Commander
that dies in the middle goes on where it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.events import Events, PlaybookRemoved
from rigfarm.commander.playbooks import broadcasts
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.rollouts import store
from rigfarm.commander.playbooks.rollouts.model import Rollout, RolloutForm, RolloutState
from rigfarm.commander.playbooks.rollouts.planning import check, make_plan
from rigfarm.commander.playbooks.rollouts.sight import Sight
from rigfarm.commander.playbooks.rollouts.watch import look, worse
from rigfarm.commander.refusals import Absent, Conflict, Invalid, Refusal
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.units import duration

__all__ = ["Rollouts"]

TICK_S = 1.0
KEEP_EVERY_S = 30.0
START_WITHIN_S = 1_200.0
"""Downloading, unpacking, a data set: so long may the first rigs take until they mine."""
AWAY_S = 120.0
"""A first rig that is gone for so long while it is watched does worse."""
LISTED = 20

log = structlog.get_logger()


class Rollouts:
    """All roll-outs that have not ended, in memory."""

    def __init__(self, storage: Storage, events: Events, book: PlaybookBook, stats: OperationalStats) -> None:
        self.active: dict[int, Rollout] = {}
        self._storage = storage
        self._book = book
        self._stats = stats
        self._sight = Sight(book, stats)
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
            raise Absent(f"There is no roll-out {rollout_id}.")
        return found

    async def listed(self, playbook_id: int | None = None) -> list[Rollout]:
        """The latest, newest first."""
        async with self._storage.read() as tx:
            found = await store.load_rollouts(tx, playbook_id, LISTED)
        return [self.active.get(one.id, one) for one in found]

    # What operators do

    async def begin(self, playbook_id: int, rig_ids: Iterable[int], form: RolloutForm, revision: int | None) -> Rollout:
        """Give the first rigs the revision, then see."""
        check(form)
        async with self._working:
            if self.of(playbook_id) is not None:
                raise Conflict("A roll-out of this playbook is under way: wait for it, or abort it.")
            busy = {rig_id for one in self.active.values() for rig_id in (*one.plan.first, *one.plan.rest)}
            plan = await make_plan(self._book, self._sight, playbook_id, rig_ids, form, revision, busy)
            async with self._storage.begin() as tx:
                rollout = await store.insert_rollout(tx, playbook_id, plan, utc_ms())
            self.active[rollout.id] = rollout
            self._told(rollout)
            await self._act(rollout)
        return rollout

    async def abort(self, rollout_id: int, *, put_back: bool = False) -> Rollout:
        """Stop it where it is; the rest is not told. `put_back`: the first rigs get what they had."""
        async with self._working:
            rollout = self.active.get(rollout_id)
            if rollout is None:
                raise Invalid("This roll-out has ended already.")
            await self._end(rollout, "aborted", "Aborted by hand.", put_back=put_back)
        return rollout

    # Time passes

    async def run(self, part: Part) -> None:
        """Take all of them on, until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            part.beat()
            now = time.monotonic()
            await self.tick(now - before)
            before = now

    async def tick(self, passed_s: float) -> None:
        """So much time passed."""
        unexpected: Exception | None = None
        async with self._working:
            for rollout in list(self.active.values()):
                try:
                    await self._tick(rollout, passed_s)
                except (SQLAlchemyError, Refusal) as error:
                    log.error("a roll-out waits", rollout=rollout.id, playbook=rollout.playbook_id, error=str(error))
                except Exception as error:  # noqa: BLE001 - raised again once the others had their turn
                    unexpected = error
            if unexpected is not None:
                raise unexpected

    async def _tick(self, rollout: Rollout, passed_s: float) -> None:
        if rollout.state in ("applying", "spreading", "putting-back"):
            await self._act(rollout)  # a restart came between the decision and the act
            return
        if trouble := self._sight.trouble(rollout):
            await self._end(rollout, "stopped", trouble, put_back=rollout.plan.put_back)
        elif self._sight.taken_away(rollout):
            await self._end(
                rollout, "stopped", "Somebody gave the first rigs something else meanwhile.", put_back=False
            )
        elif rollout.state == "starting":
            await self._wait_for_start(rollout, passed_s)
        else:
            await self._watch(rollout, passed_s)

    async def _wait_for_start(self, rollout: Rollout, passed_s: float) -> None:
        if all(self._sight.mines(rollout, rig_id) for rig_id in rollout.plan.first):
            for rig_id in rollout.plan.first:
                status = self._book.statuses.get(rig_id, rollout.playbook_id)
                rollout.progress.restarts[rig_id] = 0 if status is None else status.restarts
            await self._move(rollout, "watching")
            return
        self._started[rollout.id] = self._started.get(rollout.id, 0.0) + passed_s
        if self._started[rollout.id] >= START_WITHIN_S:
            text = f"The first rigs did not mine within {duration(START_WITHIN_S)}."
            await self._end(rollout, "stopped", text, put_back=rollout.plan.put_back)

    async def _watch(self, rollout: Rollout, passed_s: float) -> None:
        progress = rollout.progress
        up = all(self._sight.up(rig_id) for rig_id in rollout.plan.first)
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
        names = {rig_id: rig.name for rig_id in rollout.plan.first if (rig := self._book.rigs.rigs.get(rig_id))}
        if reason := worse(rollout, names):
            await self._end(rollout, "stopped", f"Worse than before. {reason}.", put_back=rollout.plan.put_back)
            return
        await self._move(rollout, "spreading")
        await self._act(rollout)

    # Acts: each follows its row, and may be done again

    async def _act(self, rollout: Rollout) -> None:
        running, plan = self._book.running, rollout.plan
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
            await self._finish(rollout, rollout.progress.ending)

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

    def _told(self, rollout: Rollout) -> None:
        broadcasts.rollout_changed(self._book.hub, rollout.playbook_id)
