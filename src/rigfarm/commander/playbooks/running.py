"""What is done with playbooks on rigs: apply, stop, start, restart, take off; and the rigs' own variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rigfarm.commander.changes import describe
from rigfarm.commander.events import RigRenamed
from rigfarm.commander.names import clean_line
from rigfarm.commander.playbooks.model import Assignment, Playbook, PlaybookContent, Wanted
from rigfarm.commander.playbooks.order import order_for, why_not
from rigfarm.commander.playbooks.placeholders import known_placeholders
from rigfarm.commander.playbooks.plan import Plan, Replaced, Step
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.worker_name import worker_name
from rigfarm.common.clock import utc_ms
from rigfarm.wire.playbooks import PlaybookOrder

if TYPE_CHECKING:
    from rigfarm.commander.playbooks.book import PlaybookBook

__all__ = ["MAX_PER_RIG", "Running"]

MAX_PER_RIG = 16
"""Playbooks of one rig."""
MAX_VARIABLES = 50
MAX_VALUE = 500
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


class Running:
    """The verbs that reach rigs. Each is stored first and then told; nothing is told that was not stored."""

    def __init__(self, book: PlaybookBook) -> None:
        self._book = book
        self._assignments = book.assignments
        book.events.follow(RigRenamed, self._rig_renamed)

    # Looking

    async def plan(
        self, playbook_id: int, rig_ids: Iterable[int], revision: int | None = None, *, keep_stopped: bool = False
    ) -> Plan:
        """What `apply` would do with these rigs."""
        playbook = self._book.get(playbook_id)
        number = playbook.revision if revision is None else revision
        return self._plan(playbook, number, await self._book.need(playbook_id, number), rig_ids, keep_stopped)

    def orders(self, rig_id: int) -> tuple[int, list[PlaybookOrder]] | None:
        """(stamp, orders) of a rig: all it shall run. None for one that never had any: it is told nothing."""
        stamp = self._assignments.stamps.get(rig_id)
        rig = self._book.rigs.rigs.get(rig_id)
        if stamp is None or rig is None:
            return None
        variables = self._assignments.variables_of(rig_id)
        return stamp, [
            order_for(one, self._book.content(one.playbook_id, one.revision), rig.name, variables)
            for one in self._assignments.of_rig(rig_id)
        ]

    # Applying

    async def apply(
        self, playbook_id: int, rig_ids: Iterable[int], revision: int | None = None, *, keep_stopped: bool = False
    ) -> Plan:
        """Give rigs a revision (the newest unless said otherwise) and let it run; what competes with it goes.

        Rigs that cannot run it are left as they are: the plan that comes back says why. `keep_stopped`: a rig on which
        it is stopped gets the revision, and stays stopped.
        """
        async with self._book.writing:
            plan = await self.plan(playbook_id, rig_ids, revision, keep_stopped=keep_stopped)
            steps = [step for step in plan.steps if step.action in ("start", "change")]
            if steps:
                now_ms = utc_ms()
                changed = [self._assigned(step, plan, now_ms, keep_stopped) for step in steps]
                gone = [(step.rig_id, other.playbook_id) for step in steps for other in step.replaces]
                rigs = await self._assignments.write(changed, gone)
            self._book.tidy()
        describe(playbook=self._book.get(playbook_id).name, rigs=len(steps))
        if steps:
            self._book.told(rigs, {playbook_id} | {other for _, other in gone})
        return plan

    async def stop(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Stop it on these rigs, and keep it there; returns those that it was running on."""
        return await self._set(playbook_id, rig_ids, lambda one: replace(one, wanted="stopped"))

    async def start(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Run it again on rigs that have it."""
        return await self._set(playbook_id, rig_ids, lambda one: replace(one, wanted="running"))

    async def restart(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """End the mining program and begin anew, on rigs that have it; one that is stopped starts."""
        return await self._set(
            playbook_id, rig_ids, lambda one: replace(one, wanted="running", restart=one.restart + 1)
        )

    async def take_off(self, playbook_id: int, rig_ids: Iterable[int]) -> list[int]:
        """Stop it on these rigs and take it from them."""
        async with self._book.writing:
            had = self._having(playbook_id, rig_ids)
            rigs = await self._assignments.write([], [(one.rig_id, playbook_id) for one in had])
            self._book.tidy()
        self._book.told(rigs, [playbook_id])
        return sorted(rigs)

    async def put_back(self, rig_ids: Iterable[int], before: Mapping[int, list[Assignment]]) -> list[int]:
        """Let these rigs have what they had at an earlier moment, and nothing else; for what was removed: nothing."""
        async with self._book.writing:
            changed: list[Assignment] = []
            gone: list[tuple[int, int]] = []
            for rig_id in rig_ids:
                if rig_id not in self._book.rigs.rigs:
                    continue
                earlier = {one.playbook_id: one for one in before.get(rig_id, [])}
                now = {one.playbook_id: one for one in self._assignments.of_rig(rig_id)}
                gone += [(rig_id, playbook_id) for playbook_id in now.keys() - earlier.keys()]
                for playbook_id, one in earlier.items():
                    if playbook_id in self._book.playbooks and now.get(playbook_id) != one:
                        await self._book.need(playbook_id, one.revision)
                        changed.append(one)
            rigs = await self._assignments.write(changed, gone)
            self._book.tidy()
        self._book.told(rigs, {one.playbook_id for one in changed} | {playbook_id for _, playbook_id in gone})
        return sorted(rigs)

    # Rigs' own

    async def set_variables(self, rig_id: int, variables: Mapping[str, str]) -> dict[str, str]:
        """Give a rig these variables and no others; an empty value takes one away."""
        kept = _checked_variables(variables)
        async with self._book.writing:
            rig = self._book.rigs.get(rig_id)
            for one in self._assignments.of_rig(rig_id):
                content = self._book.content(one.playbook_id, one.revision)
                if reason := why_not(content, rig.name, kept):
                    raise Conflict(
                        f"{rig.name} runs {content.name}, which could not go on: {reason}.", field="variables"
                    )
            await self._assignments.write_variables(rig_id, kept)
        self._book.told([rig_id], [])
        return kept

    async def _rig_renamed(self, renamed: RigRenamed) -> None:
        """A rig has another name, so its workers may get another, too."""
        rig_id = renamed.rig_id
        if worker_name(renamed.before) == worker_name(renamed.name):
            return
        async with self._book.writing:
            if rig_id not in self._assignments.by_rig or rig_id not in self._book.rigs.rigs:
                return
            await self._assignments.write([], also=[rig_id])
        self._book.told([rig_id], [])

    # How

    def _plan(
        self, playbook: Playbook, number: int, content: PlaybookContent, rig_ids: Iterable[int], keep_stopped: bool
    ) -> Plan:
        reason = self._not_at_all(content)
        steps = []
        for rig_id in dict.fromkeys(rig_ids):
            rig = self._book.rigs.rigs.get(rig_id)
            if rig is not None:
                steps.append(self._step(playbook.id, number, content, rig, reason, keep_stopped))
        return Plan(playbook.id, content.name, number, steps)

    def _not_at_all(self, content: PlaybookContent) -> str:
        """Why no rig can run it."""
        program = f"{content.software.name} {content.software.version}"
        archive = content.software.archive
        if archive is None:
            return f"{program} is not pinned: fetch or upload its file on the software page and confirm its SHA-256."
        if not self._book.software.archives.has(archive.sha256):
            return f"The file of {program} is no longer in the Commander: fetch it again on the software page."
        return ""

    def _step(
        self, playbook_id: int, number: int, content: PlaybookContent, rig: Rig, reason: str, keep_stopped: bool
    ) -> Step:
        own = self._assignments.by_rig.get(rig.id, {})
        has = own.get(playbook_id)
        replaces = [
            Replaced(one.playbook_id, other.name)
            for one in own.values()
            if one.playbook_id != playbook_id
            and content.competes_with(other := self._book.content(one.playbook_id, one.revision))
        ]
        reason = reason or self._not_on(content, rig)
        if not reason and has is None and len(own) - len(replaces) >= MAX_PER_RIG:
            reason = f"It has {len(own)} playbooks, which is the most: take one off first."
        before = None if has is None else has.revision
        if reason:
            return Step(rig.id, rig.name, "refused", reason, before)
        if has is None:
            return Step(rig.id, rig.name, "start", "", None, replaces)
        if has.revision == number and not replaces and (has.wanted == "running" or keep_stopped):
            return Step(rig.id, rig.name, "nothing", "It runs this already.", before)
        return Step(rig.id, rig.name, "change", "", before, replaces)

    def _not_on(self, content: PlaybookContent, rig: Rig) -> str:
        """Why this rig cannot run it."""
        if rig.kind != "cpu-gpu":
            return "It is an ASIC: playbooks are for CPU/GPU rigs."
        if rig.specs is not None and content.uses_gpus:
            present = {gpu.id for gpu in rig.specs.gpus}
            if not present:
                return "It has no GPU."
            if content.devices and not present & set(content.devices):
                return "It has none of the GPUs that the playbook names."
        reason = why_not(content, rig.name, self._assignments.variables_of(rig.id))
        return f"{reason[0].upper()}{reason[1:]}." if reason else ""

    def _assigned(self, step: Step, plan: Plan, now_ms: int, keep_stopped: bool) -> Assignment:
        has = self._assignments.get(step.rig_id, plan.playbook_id)
        wanted: Wanted = has.wanted if has is not None and keep_stopped else "running"
        restart = 0 if has is None else has.restart
        return Assignment(step.rig_id, plan.playbook_id, plan.revision, wanted, restart, now_ms)

    async def _set(
        self, playbook_id: int, rig_ids: Iterable[int], change: Callable[[Assignment], Assignment]
    ) -> list[int]:
        async with self._book.writing:
            had = self._having(playbook_id, rig_ids)
            changed = [new for one in had if (new := change(one)) != one]
            rigs = await self._assignments.write(changed)
        self._book.told(rigs, [playbook_id])
        return sorted(rigs)

    def _having(self, playbook_id: int, rig_ids: Iterable[int]) -> list[Assignment]:
        name = self._book.get(playbook_id).name
        have = self._assignments.by_playbook.get(playbook_id, {})
        found = [have[rig_id] for rig_id in dict.fromkeys(rig_ids) if rig_id in have]
        if not found:
            raise Invalid(f"None of these rigs has {name}.")
        return found


def _checked_variables(variables: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in variables.items():
        name = name.strip().removeprefix("$").upper()
        if not _VARIABLE.fullmatch(name):
            raise Invalid(f"{name[:40]!r} is no variable's name: capitals, digits and _.", field="variables")
        if name in known_placeholders():
            raise Invalid(f"${name} is filled in by Rigfarm: choose another name.", field="variables")
        if value := clean_line(value, "variables", f"The value of ${name}", MAX_VALUE):
            kept[name] = value
    if len(kept) > MAX_VARIABLES:
        raise Invalid(f"A rig has at most {MAX_VARIABLES} variables.", field="variables")
    return kept
