"""Which rig runs which revision of which playbook, in memory; a change is durable before anybody hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.playbooks import assignment_store as store
from rigfarm.commander.playbooks.model import Assignment
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["Assignments"]


class Assignments:
    """All of them, by rig and by playbook. `write` is called by one at a time: the book holds the lock."""

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
            for assignment in await store.load_assignments(tx):
                if assignment.rig_id in known:
                    self._put(assignment)
            self.stamps = {rig: stamp for rig, stamp in (await store.load_stamps(tx)).items() if rig in known}
            self.variables = {rig: own for rig, own in (await store.load_variables(tx)).items() if rig in known}

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
    ) -> set[int]:
        """Store new assignments and the end of others (rig, playbook). Returns the rigs whose orders changed, with
        `also`; what was for a rig that somebody removed at this moment is dropped."""
        gone = [(rig_id, playbook_id) for rig_id, playbook_id in gone if self.get(rig_id, playbook_id) is not None]
        rigs = {one.rig_id for one in changed} | {rig_id for rig_id, _ in gone} | set(also)
        stamps = {rig_id: self._next_stamp(rig_id) for rig_id in rigs}
        async with self._storage.begin() as tx:
            there = await store.rigs_there(tx, rigs)
            changed = [one for one in changed if one.rig_id in there]
            stamps = {rig_id: stamp for rig_id, stamp in stamps.items() if rig_id in there}
            await store.save_assignments(tx, changed)
            for playbook_id in {playbook_id for _, playbook_id in gone}:
                await store.delete_assignments(tx, playbook_id, [rig for rig, pid in gone if pid == playbook_id])
            await store.save_stamps(tx, stamps)
        self.stamps |= stamps
        for rig_id, playbook_id in gone:
            self._drop(rig_id, playbook_id)
        for one in changed:
            self._put(one)
        return set(stamps)

    async def write_variables(self, rig_id: int, variables: dict[str, str]) -> None:
        """Give a rig these variables, and no others."""
        stamp = self._next_stamp(rig_id)
        has_any = bool(self.by_rig.get(rig_id))
        async with self._storage.begin() as tx:
            await store.save_variables(tx, rig_id, variables)
            if has_any:
                await store.save_stamps(tx, {rig_id: stamp})
        self.variables[rig_id] = variables
        if has_any:
            self.stamps[rig_id] = stamp

    async def stamp_within(self, tx: AsyncConnection, rig_ids: Iterable[int]) -> dict[int, int]:
        """New stamps for rigs, as part of somebody's transaction; `stamps` gets them when that is through."""
        stamps = {rig_id: self._next_stamp(rig_id) for rig_id in rig_ids}
        await store.save_stamps(tx, stamps)
        return stamps

    def forget_rig(self, rig_id: int) -> list[int]:
        """The rig was removed, and its rows with it; returns the playbooks it had."""
        had = list(self.by_rig.pop(rig_id, {}))
        for playbook_id in had:
            self.by_playbook.get(playbook_id, {}).pop(rig_id, None)
        self.variables.pop(rig_id, None)
        self.stamps.pop(rig_id, None)
        return had

    def forget_playbook(self, playbook_id: int) -> list[int]:
        """The playbook was removed, and its rows with it; returns the rigs that had it."""
        had = list(self.by_playbook.pop(playbook_id, {}))
        for rig_id in had:
            self._drop(rig_id, playbook_id)
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
