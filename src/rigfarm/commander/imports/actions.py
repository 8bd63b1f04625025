"""Plans, and accepting them: everything is done by the verbs that operators use, so their checks and limits hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import describe, part_of_it
from rigfarm.commander.imports.model import (
    SOURCES,
    EditRig,
    NewAddress,
    NewPlaybook,
    NewRig,
    NewSoftware,
    Plan,
    Result,
    Source,
)
from rigfarm.commander.imports.planning import Farm, plan_of
from rigfarm.commander.imports.sources import Document, read
from rigfarm.commander.playbooks import PlaybookForm
from rigfarm.commander.refusals import ChangedMeanwhile, Refusal
from rigfarm.commander.rigs.model import Relabel

__all__ = ["MAX_BODY", "Imports"]

log = structlog.get_logger()
T = TypeVar("T")
Step = TypeVar("Step", NewRig, EditRig)
MAX_BODY = 8 << 20
"""Bytes of all files together."""
RIGS_AT_ONCE = 500
"""In one transaction: all of them or none."""


class Imports:
    """What files of other products become."""

    def __init__(self, farm: Farm, change_log: ChangeLog) -> None:
        self._farm = farm
        self._change_log = change_log
        self._one_at_a_time = asyncio.Lock()

    async def plan(self, documents: Sequence[Document], source: Source | None, *, new_rigs: bool) -> Plan:
        """What accepting these files would do. Invalid, of the field `file`."""
        found = await asyncio.to_thread(read, documents, source)
        return await plan_of(found, self._farm, new_rigs=new_rigs)

    async def accept(
        self, documents: Sequence[Document], source: Source | None, digest: str, *, new_rigs: bool
    ) -> tuple[Plan, dict[int, Result]]:
        """Do what the plan with this digest says, and tell of each line what became of it. ChangedMeanwhile when the
        farm is such that the files would do something else by now; then nothing is done."""
        async with self._one_at_a_time:
            plan = await self.plan(documents, source, new_rigs=new_rigs)
            if plan.digest != digest:
                raise ChangedMeanwhile(
                    "Something changed since you saw this plan, so nothing was imported. Check the new plan."
                )
            describe("import files", source=SOURCES[plan.source], lines=len(plan.steps))
            results = await _Import(self._farm, self._change_log).of(plan)
        describe("import files", done=sum(one.done for one in results.values()))
        return plan, results


class _Import:
    """One that is under way."""

    def __init__(self, farm: Farm, change_log: ChangeLog) -> None:
        self._farm = farm
        self._change_log = change_log
        self._ids: dict[int, int] = {}
        """Of entries of the address book that were made, by what stood in for them."""
        self._software: dict[int, int] = {}
        self._results: dict[int, Result] = {}

    async def of(self, plan: Plan) -> dict[int, Result]:
        """Each step, in order; one that is refused keeps no other from being done that doesn't need it."""
        for number, step in plan.steps.items():
            match step:
                case NewAddress():
                    await self._alone(number, partial(self._address, step))
                case NewSoftware():
                    await self._alone(number, partial(self._program, step))
                case NewPlaybook():
                    await self._alone(number, partial(self._playbook, step.form))
        for portion in _portions(plan, NewRig):
            await self._together([number for number, _ in portion], partial(self._new_rigs, portion))
        for edits in _portions(plan, EditRig):
            await self._together([number for number, _ in edits], partial(self._edited_rigs, edits))
        return self._results

    async def _address(self, step: NewAddress) -> Result:
        made = await self._farm.addresses.create(step.form)
        self._ids[step.stand_in] = made.id
        return Result(True, href=f"/addresses?kind={made.kind}")

    async def _program(self, step: NewSoftware) -> Result:
        made = await self._farm.software.create(step.form)
        self._software[step.stand_in] = made.id
        return Result(True, href="/software")

    async def _playbook(self, form: PlaybookForm) -> Result:
        """What it refers to exists by now, or it is refused for want of it."""
        workloads = [
            replace(one, pool_id=self._real(one.pool_id), wallet_id=self._real(one.wallet_id)) for one in form.workloads
        ]
        software = self._software.get(form.software_id, form.software_id)
        made = await self._farm.playbooks.create(replace(form, software_id=software, workloads=workloads))
        return Result(True, href=f"/playbooks/{made.id}")

    def _real(self, entry: int | None) -> int | None:
        return entry if entry is None else self._ids.get(entry, entry)

    async def _new_rigs(self, portion: Sequence[tuple[int, NewRig]]) -> dict[int, Result]:
        labels = [Relabel(place=step.place or None, add=step.tags) for _, step in portion]
        made = await self._farm.rigs.create_all([(step.name, step.kind) for _, step in portion], labels=labels)
        return {
            number: Result(True, href=rig.href, token=token)
            for (number, _), (rig, token) in zip(portion, made, strict=True)
        }

    async def _edited_rigs(self, portion: Sequence[tuple[int, EditRig]]) -> dict[int, Result]:
        rigs = self._farm.rigs
        wanted = []
        for _, step in portion:
            said = replace(rigs.get(step.rig_id), name=step.name, place=step.place, tags=step.tags)
            wanted.append((said, step.new_name, Relabel(place=step.new_place, add=step.more_tags)))
        await rigs.edit(wanted)
        return {number: Result(True, href=rigs.get(step.rig_id).href) for number, step in portion}

    async def _alone(self, number: int, do: Callable[[], Awaitable[Result]]) -> None:
        async def work() -> dict[int, Result]:
            return {number: await do()}

        await self._together([number], work)

    async def _together(self, numbers: Sequence[int], do: Callable[[], Awaitable[dict[int, Result]]]) -> None:
        """With an entry of its own in the activity. What goes wrong is told with the lines that it concerns."""
        change = part_of_it("import")
        async with self._change_log.of(change):
            try:
                self._results |= await do()
                change.outcome, change.result = "changed", "imported"
            except Refusal as refusal:
                change.outcome, change.result = "refused", str(refusal)
                self._results |= dict.fromkeys(numbers, Result(False, error=str(refusal)))
            except SQLAlchemyError as error:
                change.outcome, change.result = "failed", "it could not be stored"
                log.error("a part of an import could not be stored", error=str(error))
                self._results |= dict.fromkeys(numbers, Result(False, error=_why(error)))


def _portions(plan: Plan, kind: type[Step]) -> Iterator[list[tuple[int, Step]]]:
    steps = [(number, step) for number, step in plan.steps.items() if isinstance(step, kind)]
    for start in range(0, len(steps), RIGS_AT_ONCE):
        yield steps[start : start + RIGS_AT_ONCE]


def _why(error: Exception) -> str:
    return (
        str(error)
        if isinstance(error, Refusal)
        else "It could not be stored: check the Commander's disk, then import again."
    )
