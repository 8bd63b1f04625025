"""What is done with playbooks on rigs: apply, stop, start, restart, take off; and the rigs' own variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec.structs import replace

from rigfarm.commander.assignments import broadcasts
from rigfarm.commander.assignments.model import Assignment, Plan, Replaced, Step, Wanted
from rigfarm.commander.assignments.status.expected import Expectations
from rigfarm.commander.assignments.status.presence import Presence
from rigfarm.commander.assignments.status.statuses import Statuses
from rigfarm.commander.assignments.store import Assigned
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.effects import Effects, Runs
from rigfarm.commander.events import (
    AssignmentsChanged,
    Events,
    PlaybookChanged,
    PlaybookRemoved,
    RigRemoved,
    RigRenamed,
    WorkWaiting,
)
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_line
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.placeholders import WORKER_NAME, known_placeholders
from rigfarm.commander.playbooks.content.preview import why_not
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig, worker_name
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.template import placeholders

__all__ = ["MAX_PER_RIG", "Assignments"]

MAX_PER_RIG = 16
"""Playbooks of one rig."""
MAX_VARIABLES = 50
MAX_VALUE = 500
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


class Assignments:
    """The verbs that reach rigs, and how what rigs run is doing. Each is stored first and then told."""

    def __init__(
        self,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        stats: OperationalStats,
        playbooks: Playbooks,
        assigned: Assigned,
        statuses: Statuses,
        effects: Effects,
    ) -> None:
        self.rigs = rigs
        self.playbooks = playbooks
        self.assigned = assigned
        self.statuses = statuses
        self._expected = Expectations(rigs, playbooks, assigned, effects)
        self._hub = hub
        self._events = events
        self._stats = stats
        Presence(hub, events, stats, assigned)
        events.follow(RigRenamed, self._rig_renamed)
        events.listen(RigRemoved, self._rig_removed)
        events.listen(PlaybookChanged, self._playbook_changed)
        events.listen(PlaybookRemoved, self._playbook_removed)

    async def load(self) -> None:
        """Read what rigs shall run."""
        await self.assigned.load(self.rigs.rigs)
        for rig_id in self.assigned.by_rig:
            self._decided(rig_id)

    # Looking

    async def plan(
        self, playbook_id: int, rig_ids: Iterable[int], revision: int | None = None, *, keep_stopped: bool = False
    ) -> Plan:
        """What `apply` would do with these rigs."""
        playbook = self.playbooks.get(playbook_id)
        number = playbook.revision if revision is None else revision
        return self._plan(playbook, number, await self.playbooks.need(playbook_id, number), rig_ids, keep_stopped)

    # Applying

    async def apply(
        self, playbook_id: int, rig_ids: Iterable[int], revision: int | None = None, *, keep_stopped: bool = False
    ) -> Plan:
        """Give rigs a revision (the newest unless said otherwise) and let it run; what competes with it goes.

        Rigs that cannot run it are left as they are: the plan that comes back says why. `keep_stopped`: a rig on which
        it is stopped gets the revision, and stays stopped.
        """
        describe("apply playbook")
        async with self.playbooks.writing:
            plan = await self.plan(playbook_id, rig_ids, revision, keep_stopped=keep_stopped)
            steps = [step for step in plan.steps if step.action in ("start", "change")]
            if steps:
                now_ms = utc_ms()
                changed = [self._assignment(step, plan, now_ms, keep_stopped) for step in steps]
                gone = [(step.rig_id, other.playbook_id) for step in steps for other in step.replaces]
                rigs = await self._write(changed, gone)
            self.playbooks.tidy()
        self._describe(playbook_id, [step.rig_id for step in steps])
        describe(revision=plan.revision)
        if steps:
            _compare_steps(steps, plan)
        if steps:
            self._announce(rigs, {playbook_id} | {other for _, other in gone})
        return plan

    async def stop(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Stop it on these rigs, and keep it there; returns those that it was running on."""
        return await self._set("stop playbook", playbook_id, rig_ids, lambda one: replace(one, wanted="stopped"))

    async def start(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Run it again on rigs that have it."""
        return await self._set("start playbook", playbook_id, rig_ids, lambda one: replace(one, wanted="running"))

    async def restart(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """End the mining program and begin again, on rigs that have it; one that is stopped starts."""
        return await self._set(
            "restart playbook",
            playbook_id,
            rig_ids,
            lambda one: replace(one, wanted="running", restart=one.restart + 1),
        )

    async def take_off(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Stop it on these rigs and take it from them."""
        describe("remove playbook from rigs")
        async with self.playbooks.writing:
            had = self._having(playbook_id, rig_ids)
            rigs = await self._write([], [(one.rig_id, playbook_id) for one in had])
            self.playbooks.tidy()
        self._describe(playbook_id, rigs)
        self._announce(rigs, [playbook_id])
        return sorted(rigs)

    async def put_back(self, rig_ids: Iterable[int], before: Mapping[int, list[Assignment]]) -> list[int]:
        """Let these rigs have what they had at an earlier moment, and nothing else; for what was removed: nothing."""
        async with self.playbooks.writing:
            changed: list[Assignment] = []
            gone: list[tuple[int, int]] = []
            for rig_id in rig_ids:
                if rig_id not in self.rigs.rigs:
                    continue
                earlier = {one.playbook_id: one for one in before.get(rig_id, [])}
                now = {one.playbook_id: one for one in self.assigned.of_rig(rig_id)}
                gone += [(rig_id, playbook_id) for playbook_id in now.keys() - earlier.keys()]
                for playbook_id, one in earlier.items():
                    if playbook_id in self.playbooks.playbooks and now.get(playbook_id) != one:
                        await self.playbooks.need(playbook_id, one.revision)
                        changed.append(one)
            rigs = await self._write(changed, gone)
            self.playbooks.tidy()
        self._announce(rigs, {one.playbook_id for one in changed} | {playbook_id for _, playbook_id in gone})
        return sorted(rigs)

    def receive(self, rig_id: int, said: list[PlaybookStatus]) -> None:
        """Take what a rig reports about its playbooks, and update open pages."""
        if rig_id not in self.rigs.rigs:
            return
        touched, moved = self.statuses.receive(rig_id, said)
        if touched:
            known = touched & self.playbooks.playbooks.keys()
            broadcasts.rig_changed(self._hub, rig_id, known, counts=bool(moved))

    # Rigs' own

    def restarts_when_renamed(self, rig_id: int) -> bool:
        """Whether a program that runs on the rig gets its name as that of a worker, which a new name changes."""
        if WORKER_NAME in self.assigned.variables_of(rig_id):
            return False
        contents = (
            self.playbooks.content(one.playbook_id, one.revision)
            for one in self.assigned.of_rig(rig_id)
            if one.wanted == "running"
        )
        return any(WORKER_NAME in placeholders(content.template) for content in contents)

    async def set_variables(self, rig_id: int, variables: Mapping[str, str]) -> dict[str, str]:
        """Give a rig these variables and no others; an empty value takes one away."""
        return await self._variables(rig_id, variables, replace_all=True)

    async def change_variables(self, rig_id: int, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Change some of a rig's variables; None takes one away."""
        return await self._variables(rig_id, {name: value or "" for name, value in changes.items()}, replace_all=False)

    async def _variables(self, rig_id: int, variables: Mapping[str, str], *, replace_all: bool) -> dict[str, str]:
        describe("set rig's variables")
        async with self.playbooks.writing:
            rig = self.rigs.get(rig_id)
            concerns("rig", {rig_id: rig.name})
            before = self.assigned.variables_of(rig_id)
            named = {_variable(name): value for name, value in variables.items()}
            kept = _checked_variables(named if replace_all else {**before, **named})
            for one in self.assigned.of_rig(rig_id):
                content = self.playbooks.content(one.playbook_id, one.revision)
                if reason := why_not(content, rig.name, kept):
                    raise Conflict(
                        f"{rig.name} runs {content.name}, which could no longer run: {reason}.", field="variables"
                    )
            followed = self._expected.followed(self.assigned.of_rig(rig_id), [], kept)
            await self.assigned.write_variables(rig_id, kept, followed.store)
            followed.begin()
        # Of a variable only the name: its value may be a password.
        compare({"variables": ", ".join(sorted(before))}, {"variables": ", ".join(sorted(kept))})
        describe(changed=", ".join(sorted(name for name in kept if before.get(name, kept[name]) != kept[name])) or "–")
        self._announce([rig_id], [])
        return kept

    async def _rig_renamed(self, renamed: RigRenamed) -> None:
        """A rig has another name, so its workers may get another, too."""
        rig_id = renamed.rig_id
        if worker_name(renamed.before) == worker_name(renamed.name):
            return
        async with self.playbooks.writing:
            if rig_id not in self.assigned.by_rig or rig_id not in self.rigs.rigs:
                return
            await self._write([], also=[rig_id])
        self._announce([rig_id], [])

    # What others change

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.statuses.forget(removed.rig_id)
        for playbook_id in self.assigned.forget_rig(removed.rig_id):
            broadcasts.rig_changed(self._hub, removed.rig_id, [playbook_id])
        self.playbooks.tidy()

    def _playbook_changed(self, changed: PlaybookChanged) -> None:
        for one in self.assigned.of_playbook(changed.playbook_id):
            broadcasts.rig_changed(self._hub, one.rig_id, [], counts=False)

    def _playbook_removed(self, removed: PlaybookRemoved) -> None:
        concerns("rig", self._names(removed.rigs))
        self._announce(removed.rigs, [])

    # How

    def expected(self, one: Assignment) -> Runs:
        """What the rig should report of it."""
        return self._expected.of(one, one.wanted)

    async def _write(
        self, changed: list[Assignment], gone: Iterable[tuple[int, int]] = (), also: Iterable[int] = ()
    ) -> set[int]:
        """Store what rigs shall run, and follow whether they do. `also`: rigs that are told all of theirs again."""
        gone, also = list(gone), list(also)
        again = [one for rig_id in also for one in self.assigned.of_rig(rig_id)]
        ending = [one for key in gone if (one := self.assigned.get(*key)) is not None]
        followed = self._expected.followed([*changed, *again], ending)
        rigs = await self.assigned.write(changed, gone, also, followed.store)
        followed.begin()
        return rigs

    def _announce(self, rigs: Iterable[int], playbook_ids: Iterable[int]) -> None:
        """These rigs shall run something else now, and it is stored: their Sentries and all viewers are told."""
        rigs, playbook_ids = list(rigs), list(playbook_ids)
        for rig_id in rigs:
            self._events.publish(WorkWaiting(rig_id))
            self._decided(rig_id)
        for rig_id in rigs:
            broadcasts.rig_changed(self._hub, rig_id, playbook_ids, counts=False)
        for playbook_id in playbook_ids:
            self.playbooks.held_otherwise(playbook_id)

    def _decided(self, rig_id: int) -> None:
        """What a rig shall run is known. One all of whose playbooks an operator stopped is not in trouble."""
        has = self.assigned.of_rig(rig_id)
        self._events.publish(
            AssignmentsChanged(rig_id, tuple((one.playbook_id, one.revision, one.wanted) for one in has))
        )
        stopped = bool(has) and all(one.wanted == "stopped" for one in has)
        self._stats.rest(rig_id, "stopped by an operator" if stopped else "")

    def _plan(
        self, playbook: Playbook, number: int, content: PlaybookContent, rig_ids: Iterable[int], keep_stopped: bool
    ) -> Plan:
        reason = self._not_at_all(content)
        steps = []
        for rig_id in dict.fromkeys(rig_ids):
            rig = self.rigs.rigs.get(rig_id)
            if rig is not None:
                steps.append(self._step(playbook.id, number, content, rig, reason, keep_stopped))
        return Plan(playbook.id, content.name, number, steps)

    def _not_at_all(self, content: PlaybookContent) -> str:
        """Why no rig can run it."""
        program = f"{content.software.name} {content.software.version}"
        archive = content.software.archive
        if archive is None:
            return f"{program} is not pinned: fetch or upload its file on the software page and confirm its SHA-256."
        if not self.playbooks.software.archives.has(archive.sha256):
            return f"The file of {program} is no longer in the Commander: fetch it again on the software page."
        return ""

    def _step(
        self, playbook_id: int, number: int, content: PlaybookContent, rig: Rig, reason: str, keep_stopped: bool
    ) -> Step:
        own = self.assigned.by_rig.get(rig.id, {})
        has = own.get(playbook_id)
        replaces = [
            Replaced(one.playbook_id, other.name)
            for one in own.values()
            if one.playbook_id != playbook_id
            and content.competes_with(other := self.playbooks.content(one.playbook_id, one.revision))
        ]
        reason = reason or self._not_on(content, rig)
        if not reason and has is None and len(own) - len(replaces) >= MAX_PER_RIG:
            reason = f"It has {len(own)} playbooks, and that is the maximum: remove one first."
        before = None if has is None else has.revision
        if reason:
            return Step(rig.id, rig.name, "refused", reason, before)
        if has is None:
            return Step(rig.id, rig.name, "start", "", None, replaces)
        if has.revision == number and not replaces and (has.wanted == "running" or keep_stopped):
            return Step(rig.id, rig.name, "nothing", self._as_it_is(has), before)
        return Step(rig.id, rig.name, "change", "", before, replaces)

    def _as_it_is(self, has: Assignment) -> str:
        """How a rig does with the revision that it already has. Only one that says that it mines runs it."""
        shown = self.statuses.shown(has)
        if shown.state == "mining":
            return "It already runs this."
        if shown.state == "queued":
            return f"It is already queued for this rig. {shown.detail}".rstrip()
        return f"The rig already has it: {shown.state}{f' ({shown.detail})' if shown.detail else ''}."

    def _not_on(self, content: PlaybookContent, rig: Rig) -> str:
        """Why this rig cannot run it."""
        if not rig.of.runs_programs:
            return f"It is {rig.of.article}: playbooks are for CPU/GPU rigs."
        if rig.specs is not None and content.uses_gpus:
            present = {gpu.id for gpu in rig.specs.gpus}
            if not present:
                return "It has no GPU."
            if content.devices and not present & set(content.devices):
                return "It has none of the GPUs that the playbook names."
        reason = why_not(content, rig.name, self.assigned.variables_of(rig.id))
        return f"{reason[0].upper()}{reason[1:]}." if reason else ""

    def _assignment(self, step: Step, plan: Plan, now_ms: int, keep_stopped: bool) -> Assignment:
        has = self.assigned.get(step.rig_id, plan.playbook_id)
        wanted: Wanted = has.wanted if has is not None and keep_stopped else "running"
        restart = 0 if has is None else has.restart
        return Assignment(step.rig_id, plan.playbook_id, plan.revision, wanted, restart, now_ms)

    async def _set(
        self, action: str, playbook_id: int, rig_ids: Iterable[int], change: Callable[[Assignment], Assignment]
    ) -> list[int]:
        describe(action)
        async with self.playbooks.writing:
            had = self._having(playbook_id, rig_ids)
            changed = [new for one in had if (new := change(one)) != one]
            rigs = await self._write(changed)
        self._describe(playbook_id, rigs)
        self._announce(rigs, [playbook_id])
        return sorted(rigs)

    def _describe(self, playbook_id: int, rigs: Collection[int]) -> None:
        name = self.playbooks.get(playbook_id).name
        describe(playbook=name, rigs=len(rigs))
        concerns("playbook", {playbook_id: name})
        concerns("rig", self._names(rigs))

    def _names(self, rig_ids: Iterable[int]) -> dict[int, str]:
        return {rig_id: rig.name for rig_id in rig_ids if (rig := self.rigs.rigs.get(rig_id)) is not None}

    def _having(self, playbook_id: int, rig_ids: Iterable[int]) -> list[Assignment]:
        name = self.playbooks.get(playbook_id).name
        have = self.assigned.by_playbook.get(playbook_id, {})
        found = [have[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in have]
        if not found:
            raise Invalid(f"None of these rigs has {name}.")
        return found


def _compare_steps(steps: list[Step], plan: Plan) -> None:
    """What rigs had before, as far as it is the same for all of them."""
    had = {"nothing" if step.from_revision is None else f"revision {step.from_revision}" for step in steps}
    replaced = sorted({other.name for step in steps for other in step.replaces})
    before = {plan.name: had.pop() if len(had) == 1 else "several revisions"}
    compare(before | {"replaced": ", ".join(replaced)}, {plan.name: f"revision {plan.revision}", "replaced": ""})


def _variable(name: str) -> str:
    return name.strip().removeprefix("$").upper()


def _checked_variables(variables: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in variables.items():
        name = _variable(name)
        if not _VARIABLE.fullmatch(name):
            raise Invalid(f"{name[:40]!r} is not a valid variable name: capitals, digits and _.", field="variables")
        if name in known_placeholders() and name != WORKER_NAME:
            raise Invalid(f"${name} is filled in by Rigfarm: choose another name.", field="variables")
        if value := clean_line(value, "variables", f"The value of ${name}", MAX_VALUE):
            kept[name] = value
    if len(kept) > MAX_VARIABLES:
        raise Invalid(f"A rig has at most {MAX_VARIABLES} variables.", field="variables")
    return kept
