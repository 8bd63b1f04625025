"""Takes updates of Sentries from wave to wave. A step may be done twice: a Sentry that already runs what it is told to
says so. So a Commander that dies in the middle goes on where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from rigfarm.commander.assignments import Statuses
from rigfarm.commander.bundle import Bundle
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.commands import Commands, GivenCommand
from rigfarm.commander.events import Events, SentryUpdateEnded
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.staged import pass_time, take_on
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.condition import UP
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.commander.updates import broadcasts, store
from rigfarm.commander.updates.model import OnRig, Plan, SentryUpdate, UpdateForm, UpdateState, offer_for, why_not
from rigfarm.common.clock import utc_ms
from rigfarm.units import counted, duration
from rigfarm.wire.commands import UpdateSentry

__all__ = ["SentryUpdates"]

BACK_WITHIN_S = 300.0
"""From the Sentry's word that it is updated until the rig reports with it, with all that it mined before."""
SETTLE_S = 10.0
"""So long a first rig reports with its new Sentry and its programs as before, until it counts as updated."""
LATEST = 20
"""Commands of a rig among which the update's is looked for."""
NAMED = 3

log = structlog.get_logger()


class SentryUpdates:
    """All updates that have not ended, in memory."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        stats: OperationalStats,
        statuses: Statuses,
        commands: Commands,
        offered: Callable[[], tuple[Bundle, ...]],
        *,
        settle_s: float = SETTLE_S,
    ) -> None:
        """`offered`: the Sentries that this Commander hands out."""
        self.rigs = rigs
        self.offered = offered
        self.active: dict[int, SentryUpdate] = {}
        self._storage = storage
        self._hub = hub
        self._events = events
        self._stats = stats
        self._statuses = statuses
        self._commands = commands
        self._settle_s = settle_s
        self._working = asyncio.Lock()

    async def load(self) -> None:
        """Go on with what was under way; once, before serving."""
        async with self._storage.read() as tx:
            self.active = {one.id: one for one in await store.load_running(tx)}

    # Looking up

    async def get(self, update_id: int) -> SentryUpdate:
        """Any update there ever was, or Absent."""
        if update_id in self.active:
            return self.active[update_id]
        async with self._storage.read() as tx:
            found = await store.load_update(tx, update_id)
        if found is None:
            raise Absent(f"Sentry update {update_id} does not exist.")
        return found

    async def listed(self, before: int | None, limit: int) -> list[SentryUpdate]:
        """The latest, or the latest made before that one; newest first."""
        async with self._storage.read() as tx:
            found = await store.load_updates(tx, limit, before)
        return [self.active.get(one.id, one) for one in found]

    def why_not(self, rig: Rig, *, downgrade: bool = False) -> str:
        """Why this rig's Sentry cannot be updated now, in words; empty when it can."""
        if any(not one.rigs[rig.id].ended for one in self.active.values() if rig.id in one.rigs):
            return "It is part of an update that is under way."
        return why_not(rig, self.offered(), downgrade=downgrade)

    # What operators do

    async def begin(self, rig_ids: Iterable[int], form: UpdateForm) -> SentryUpdate:
        """Update the first rigs, then the others. Those that cannot be updated are listed with the reason."""
        describe("update Sentry")
        async with self._working:
            chosen = [self.rigs.get(rig_id) for rig_id in dict.fromkeys(rig_ids)]
            refused = {rig.id: why for rig in chosen if (why := self.why_not(rig, downgrade=form.downgrade))}
            able = [rig for rig in chosen if rig.id not in refused]
            if not able:
                raise Invalid(" ".join(sorted(set(refused.values()))[:NAMED]) or "Choose at least one rig.")
            plan, rigs = self._planned(able, form)
            rigs |= {rig_id: OnRig(state="refused", detail=why) for rig_id, why in refused.items()}
            async with self._storage.begin() as tx:
                one = await store.insert_update(tx, plan, rigs, utc_ms())
            self.active[one.id] = one
            await self._step(one, 0.0)
            describe("update Sentry", version=one.version, rigs=len(able), update=one.id)  # not its first command
            concerns("rig", {rig.id: rig.name for rig in chosen})
            compare({}, {"version": one.version, "first": len(plan.waves[0]), "at once": form.at_once})
        return one

    def _planned(self, able: list[Rig], form: UpdateForm) -> tuple[Plan, dict[int, OnRig]]:
        """Rigs that are up come first: the others would keep them waiting."""
        able = sorted(able, key=lambda rig: not self._up(rig.id))
        ids = [rig.id for rig in able]
        rest = ids[form.first :]
        waves = [ids[: form.first], *(rest[at : at + form.at_once] for at in range(0, len(rest), form.at_once))]
        offers = {offer.machine: offer for rig in able if (offer := offer_for(rig, self.offered())) is not None}
        sentries = {
            machine: UpdateSentry(offer.version, offer.sha256, offer.size, form.downgrade)
            for machine, offer in offers.items()
        }
        rigs = {rig.id: OnRig(machine=(rig.specs and rig.specs.sentry_machine) or "") for rig in able}
        return Plan(form, waves, sentries), rigs

    async def abort(self, update_id: int) -> SentryUpdate:
        """Tell no more rigs; those that were told go on."""
        describe("abort Sentry update")
        async with self._working:
            one = self.active.get(update_id)
            if one is None or one.state != "running":
                raise Conflict("This update has already ended.")
            await self._end(one, "aborted", "Aborted by hand.")
            describe("abort Sentry update", version=one.version, update=one.id)
            concerns("rig", self._names(one))
        return one

    # Time passes

    async def run(self, part: Part) -> None:
        """Take all of them on, until cancelled."""
        await pass_time(part, lambda passed_s: self.tick(passed_s))

    async def tick(self, passed_s: float) -> None:
        """So much time passed."""
        async with self._working:
            await take_on(self.active.values(), lambda one: self._step(one, passed_s), _waits)

    async def _step(self, one: SentryUpdate, passed_s: float) -> None:
        if one.state != "running":
            await self._finish(one)  # it could not be stored
            return
        number = one.wave
        before = {rig_id: (rig.state, rig.detail) for rig_id, rig in one.rigs.items()}
        if number is not None:
            wave = [rig_id for rig_id in one.plan.waves[number] if not one.rigs[rig_id].ended]
            for rig_id in wave:
                if one.rigs[rig_id].state == "sent":
                    await self._look(rig_id, one.rigs[rig_id], one.plan, passed_s)
            self._leave_out_removed(one)
            await self._send(one, [rig_id for rig_id in wave if one.rigs[rig_id].state == "waiting"])
            bad = [rig_id for rig_id in one.plan.waves[number] if self._is_bad(one.rigs[rig_id], number)]
            if bad:
                await self._end(one, "stopped", self._why(one, bad))
                return
        if one.wave is None:
            await self._end(one, "done", "")
        elif before != {rig_id: (rig.state, rig.detail) for rig_id, rig in one.rigs.items()}:
            await self._keep(one)

    def _is_bad(self, on_rig: OnRig, wave: int) -> bool:
        """Of the first rigs all have to succeed; of the others those that are away are left out."""
        return on_rig.state == "failed" or (wave == 0 and on_rig.state in ("not-sent", "refused"))

    def _leave_out_removed(self, one: SentryUpdate) -> None:
        for rig_id, rig in one.rigs.items():
            if rig_id not in self.rigs.rigs and not rig.ended:
                rig.state, rig.detail = "not-sent", "The rig was removed."

    def _why(self, one: SentryUpdate, bad: list[int]) -> str:
        names = self._names(one)
        said = [f"{names.get(rig_id, 'a removed rig')}: {one.rigs[rig_id].detail}" for rig_id in bad[:NAMED]]
        more = f" And {len(bad) - NAMED} more." if len(bad) > NAMED else ""
        return f"{' '.join(said)}{more}"

    async def _send(self, one: SentryUpdate, rig_ids: list[int]) -> None:
        for machine, command in one.plan.sentries.items():
            here = [rig_id for rig_id in rig_ids if one.rigs[rig_id].machine == machine]
            if not here:
                continue
            programs = {rig_id: self._programs(rig_id) for rig_id in here}
            for given in await self._commands.give(command, here):
                rig = one.rigs[given.rig_id]
                rig.command, rig.programs, rig.state = given.id, programs[given.rig_id], "sent"
                rig.sent_ms, rig.detail = utc_ms(), ""
            await self._keep(one)

    async def _look(self, rig_id: int, on_rig: OnRig, plan: Plan, passed_s: float) -> None:
        """How a rig that was told does."""
        given = None if on_rig.done_ms else await self._given(rig_id, on_rig.command)
        if rig_id not in self.rigs.rigs:
            return  # it was removed meanwhile
        if given is not None and given.state == "done":
            on_rig.done_ms = given.finished_at or on_rig.sent_ms
        if on_rig.done_ms:
            self._settle(rig_id, on_rig, plan, passed_s, utc_ms() - on_rig.done_ms)
        elif given is None:
            on_rig.state, on_rig.detail = "failed", "Its command is no longer stored."
        elif not given.ended:
            on_rig.detail = given.words
        else:
            never = given.sent_at is None
            on_rig.state, on_rig.detail = "not-sent" if never else "failed", given.detail
            if given.state == "refused":
                on_rig.state = "refused"

    def _settle(self, rig_id: int, on_rig: OnRig, plan: Plan, passed_s: float, since_ms: int) -> None:
        """Its Sentry says that it is updated: does the rig report and mine as before?"""
        rig = self.rigs.rigs[rig_id]
        wanted = plan.sentries[on_rig.machine].version
        runs = rig.specs is not None and rig.specs.sentry_version == wanted
        now = self._programs(rig_id)
        ended = [playbook for playbook, pid in on_rig.programs.items() if now.get(playbook) != pid]
        if runs and self._up(rig_id) and not ended:
            on_rig.settled_s += passed_s
            on_rig.detail = f"Sentry {wanted} runs."
            if on_rig.settled_s >= self._settle_s:
                on_rig.state, on_rig.detail = "updated", f"Sentry {wanted} runs, and its programs went on."
        elif since_ms > BACK_WITHIN_S * 1000:
            on_rig.state = "failed"
            what = f"it does not report with Sentry {wanted}" if not runs else "it does not mine as before"
            on_rig.detail = f"{duration(BACK_WITHIN_S)} after its update {what}."
        else:
            on_rig.settled_s = 0.0

    async def _given(self, rig_id: int, command_id: str) -> GivenCommand | None:
        under_way = next((one for one in self._commands.open_of(rig_id) if one.id == command_id), None)
        if under_way is not None:
            return under_way
        latest = await self._commands.of_rig(rig_id, LATEST)
        return next((one for one in latest if one.id == command_id), None)

    def _programs(self, rig_id: int) -> dict[int, int]:
        return {one.id: one.pid for one in self._statuses.of(rig_id).values() if one.pid is not None}

    def _up(self, rig_id: int) -> bool:
        stats = self._stats.rigs.get(rig_id)
        return stats is not None and stats.condition.state in UP

    async def _end(self, one: SentryUpdate, state: UpdateState, detail: str) -> None:
        count = sum(rig.state == "updated" for rig in one.rigs.values())
        one.state, one.finished_at = state, utc_ms()
        one.detail = f"{detail} {counted(count, 'rig')} updated.".strip()
        await self._finish(one)

    async def _finish(self, one: SentryUpdate) -> None:
        for rig_id, rig in one.rigs.items():
            if rig.state == "sent":
                await self._cancel(rig_id, rig)
            elif rig.state == "waiting":
                rig.state, rig.detail = "not-sent", "The update ended before its turn."
        await self._keep(one)
        self.active.pop(one.id, None)
        if one.state != "aborted":
            ended = SentryUpdateEnded(one.id, one.state, one.detail, tuple(self._names(one).items()))
            self._events.publish(ended)

    async def _cancel(self, rig_id: int, rig: OnRig) -> None:
        """If it was not sent yet; what was sent goes on, and its result is among the rig's commands."""
        given = next((one for one in self._commands.open_of(rig_id) if one.id == rig.command), None)
        if given is not None and given.sent_at is None:
            await self._commands.cancel(given.id)
            rig.detail = "Cancelled before it was sent."
        else:
            rig.detail = "It was told before the update ended: its own page shows the result."
        rig.state = "not-sent"

    async def _keep(self, one: SentryUpdate) -> None:
        async with self._storage.begin() as tx:
            await store.save_update(tx, one)
        broadcasts.update_changed(self._hub, one.id)

    def _names(self, one: SentryUpdate) -> dict[int, str]:
        return {rig_id: self.rigs.rigs[rig_id].name for rig_id in one.rigs if rig_id in self.rigs.rigs}


def _waits(one: SentryUpdate, error: Exception) -> None:
    log.error("an update of Sentries waits", update=one.id, error=str(error))
