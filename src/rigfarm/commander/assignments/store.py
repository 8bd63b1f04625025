"""Which rig runs which revision of which playbook: in the database, and all of it in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.assignments.model import Assignment
from rigfarm.commander.assignments.tables import assignments, playbook_rigs, rig_variables
from rigfarm.commander.rigs.tables import rigs
from rigfarm.commander.storage import Storage, portions
from rigfarm.common.clock import utc_ms

__all__ = ["Assigned"]

Within = Callable[[AsyncConnection, AbstractSet[int]], Awaitable[None]]
"""Stores more in the transaction, for those of its rigs that are given."""


class Assigned:
    """Who has what, by rig and by playbook. `write` is called by one at a time: `Playbooks.writing` is held."""

    def __init__(self, storage: Storage) -> None:
        self.by_rig: dict[int, dict[int, Assignment]] = {}
        self.by_playbook: dict[int, dict[int, Assignment]] = {}
        self.variables: dict[int, dict[str, str]] = {}
        self.stamps: dict[int, int] = {}
        """When what a rig shall run last changed, UTC ms: rises with every change, whatever the clock does. A rig that
        never had a playbook has none, and is told nothing."""
        self._storage = storage

    async def load(self, rig_ids: Iterable[int]) -> None:
        """Read all of it; once, before serving. What belongs to no rig is left out."""
        known = set(rig_ids)
        async with self._storage.read() as tx:
            for assignment in await _load_assignments(tx):
                if assignment.rig_id in known:
                    self._put(assignment)
            self.stamps = {rig: stamp for rig, stamp in (await _load_stamps(tx)).items() if rig in known}
            self.variables = {rig: own for rig, own in (await _load_variables(tx)).items() if rig in known}

    # Looking up

    def of_rig(self, rig_id: int) -> list[Assignment]:
        """What the rig has, oldest playbook first."""
        return [one for _, one in sorted(self.by_rig.get(rig_id, {}).items())]

    def of_playbook(self, playbook_id: int) -> list[Assignment]:
        """Who has the playbook."""
        return list(self.by_playbook.get(playbook_id, {}).values())

    def get(self, rig_id: int, playbook_id: int) -> Assignment | None:
        """What the rig has of the playbook."""
        return self.by_rig.get(rig_id, {}).get(playbook_id)

    def variables_of(self, rig_id: int) -> Mapping[str, str]:
        """Placeholders that have a value of the rig's own."""
        return self.variables.get(rig_id, {})

    def revisions(self) -> set[tuple[int, int]]:
        """Every (playbook, revision) that some rig has."""
        return {(one.playbook_id, one.revision) for own in self.by_playbook.values() for one in own.values()}

    # Changing

    async def write(
        self,
        changed: list[Assignment],
        gone: Iterable[tuple[int, int]] = (),
        also: Iterable[int] = (),
        within: Within | None = None,
    ) -> set[int]:
        """Store new assignments and the end of others (rig, playbook). Returns the rigs whose playbooks changed, with
        `also`; what was for a rig that was removed at this moment is dropped. `within` stores more in the same
        transaction, for the rigs that it is given."""
        gone = [(rig_id, playbook_id) for rig_id, playbook_id in gone if self.get(rig_id, playbook_id) is not None]
        rigs = {one.rig_id for one in changed} | {rig_id for rig_id, _ in gone} | set(also)
        stamps = {rig_id: self._next_stamp(rig_id) for rig_id in rigs}
        async with self._storage.begin() as tx:
            there = await _rigs_there(tx, rigs)
            changed = [one for one in changed if one.rig_id in there]
            stamps = {rig_id: stamp for rig_id, stamp in stamps.items() if rig_id in there}
            await _save_assignments(tx, changed)
            for playbook_id in {playbook_id for _, playbook_id in gone}:
                await _delete_assignments(tx, playbook_id, [rig for rig, pid in gone if pid == playbook_id])
            await _save_stamps(tx, stamps)
            if within is not None:
                await within(tx, there)
        self.stamps |= stamps
        for rig_id, playbook_id in gone:
            self._drop(rig_id, playbook_id)
        for one in changed:
            self._put(one)
        return set(stamps)

    async def write_variables(self, rig_id: int, variables: dict[str, str], within: Within | None = None) -> None:
        """Give a rig these variables, and no others; `within` as in `write`."""
        stamp = self._next_stamp(rig_id)
        has_any = bool(self.by_rig.get(rig_id))
        async with self._storage.begin() as tx:
            await _save_variables(tx, rig_id, variables)
            if has_any:
                await _save_stamps(tx, {rig_id: stamp})
            if within is not None:
                await within(tx, {rig_id})
        self.variables[rig_id] = variables
        if has_any:
            self.stamps[rig_id] = stamp

    async def leave_within(self, tx: AsyncConnection, playbook_id: int) -> Callable[[], None]:
        """The playbook is about to be deleted in this transaction; what comes back forgets who had it."""
        stamps = {rig_id: self._next_stamp(rig_id) for rig_id in self.by_playbook.get(playbook_id, {})}
        await _save_stamps(tx, stamps)

        def left() -> None:
            self.stamps |= stamps
            for rig_id in list(self.by_playbook.pop(playbook_id, {})):
                self._drop(rig_id, playbook_id)

        return left

    def forget_rig(self, rig_id: int) -> list[int]:
        """The rig was removed, and its rows with it; returns the playbooks it had."""
        had = list(self.by_rig.pop(rig_id, {}))
        for playbook_id in had:
            self.by_playbook.get(playbook_id, {}).pop(rig_id, None)
        self.variables.pop(rig_id, None)
        self.stamps.pop(rig_id, None)
        return had

    def _put(self, assignment: Assignment) -> None:
        self.by_rig.setdefault(assignment.rig_id, {})[assignment.playbook_id] = assignment
        self.by_playbook.setdefault(assignment.playbook_id, {})[assignment.rig_id] = assignment

    def _drop(self, rig_id: int, playbook_id: int) -> None:
        own = self.by_rig.get(rig_id, {})
        own.pop(playbook_id, None)
        if not own:
            self.by_rig.pop(rig_id, None)
        self.by_playbook.get(playbook_id, {}).pop(rig_id, None)

    def _next_stamp(self, rig_id: int) -> int:
        return max(utc_ms(), self.stamps.get(rig_id, 0) + 1)


async def _load_assignments(tx: AsyncConnection) -> list[Assignment]:
    columns = [assignments.c[name] for name in Assignment.__struct_fields__]
    return [Assignment(*row) for row in await tx.execute(select(*columns))]


async def _load_stamps(tx: AsyncConnection) -> dict[int, int]:
    found = await tx.execute(select(playbook_rigs.c.rig_id, playbook_rigs.c.stamp))
    return {row.rig_id: row.stamp for row in found}


async def _load_variables(tx: AsyncConnection) -> dict[int, dict[str, str]]:
    variables: dict[int, dict[str, str]] = {}
    for row in await tx.execute(select(rig_variables).order_by(rig_variables.c.name)):
        variables.setdefault(row.rig_id, {})[row.name] = row.value
    return variables


async def _rigs_there(tx: AsyncConnection, rig_ids: Iterable[int]) -> set[int]:
    there: set[int] = set()
    for some in portions(rig_ids):
        found = await tx.execute(select(rigs.c.id).where(rigs.c.id.in_(some)).with_for_update(read=True))
        there |= set(found.scalars())
    return there


async def _save_assignments(tx: AsyncConnection, changed: Sequence[Assignment]) -> None:
    for playbook_id in {one.playbook_id for one in changed}:
        await _delete_assignments(tx, playbook_id, [one.rig_id for one in changed if one.playbook_id == playbook_id])
    names = Assignment.__struct_fields__
    rows = [{name: getattr(one, name) for name in names} for one in changed]
    if rows:
        await tx.execute(insert(assignments), rows)


async def _delete_assignments(tx: AsyncConnection, playbook_id: int, rig_ids: Iterable[int]) -> None:
    for some in portions(rig_ids):
        chosen = assignments.c.rig_id.in_(some)
        await tx.execute(delete(assignments).where(assignments.c.playbook_id == playbook_id, chosen))


async def _save_stamps(tx: AsyncConnection, stamps: Mapping[int, int]) -> None:
    for some in portions(stamps):
        await tx.execute(delete(playbook_rigs).where(playbook_rigs.c.rig_id.in_(some)))
        await tx.execute(insert(playbook_rigs), [{"rig_id": rig, "stamp": stamps[rig]} for rig in some])


async def _save_variables(tx: AsyncConnection, rig_id: int, variables: Mapping[str, str]) -> None:
    await tx.execute(delete(rig_variables).where(rig_variables.c.rig_id == rig_id))
    rows = [{"rig_id": rig_id, "name": name, "value": value} for name, value in variables.items()]
    if rows:
        await tx.execute(insert(rig_variables), rows)
