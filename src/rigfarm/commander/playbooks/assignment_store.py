"""Which rig runs which playbook, and the rigs' variables, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.playbooks.model import Assignment
from rigfarm.commander.playbooks.tables import assignments, playbook_rigs, rig_variables
from rigfarm.commander.rigs.tables import rigs

__all__ = [
    "delete_assignments",
    "load_assignments",
    "load_stamps",
    "load_variables",
    "rigs_there",
    "save_assignments",
    "save_stamps",
    "save_variables",
]

_AT_ONCE = 500


async def load_assignments(tx: AsyncConnection) -> list[Assignment]:
    """All of them."""
    columns = [assignments.c[name] for name in Assignment.__struct_fields__]
    return [Assignment(*row) for row in await tx.execute(select(*columns))]


async def load_stamps(tx: AsyncConnection) -> dict[int, int]:
    """Rig -> when what it shall run last changed."""
    found = await tx.execute(select(playbook_rigs.c.rig_id, playbook_rigs.c.stamp))
    return {row.rig_id: row.stamp for row in found}


async def load_variables(tx: AsyncConnection) -> dict[int, dict[str, str]]:
    """Rig -> its variables."""
    variables: dict[int, dict[str, str]] = {}
    for row in await tx.execute(select(rig_variables).order_by(rig_variables.c.name)):
        variables.setdefault(row.rig_id, {})[row.name] = row.value
    return variables


async def rigs_there(tx: AsyncConnection, rig_ids: Iterable[int]) -> set[int]:
    """Those that exist, and will until the transaction ends."""
    there: set[int] = set()
    for some in _portions(rig_ids):
        found = await tx.execute(select(rigs.c.id).where(rigs.c.id.in_(some)).with_for_update(read=True))
        there |= set(found.scalars())
    return there


async def save_assignments(tx: AsyncConnection, changed: Sequence[Assignment]) -> None:
    """Each replaces what its rig had of its playbook."""
    for playbook_id in {one.playbook_id for one in changed}:
        await delete_assignments(tx, playbook_id, [one.rig_id for one in changed if one.playbook_id == playbook_id])
    names = Assignment.__struct_fields__
    rows = [{name: getattr(one, name) for name in names} for one in changed]
    if rows:
        await tx.execute(insert(assignments), rows)


async def delete_assignments(tx: AsyncConnection, playbook_id: int, rig_ids: Iterable[int]) -> None:
    """These rigs no longer have the playbook."""
    for some in _portions(rig_ids):
        chosen = assignments.c.rig_id.in_(some)
        await tx.execute(delete(assignments).where(assignments.c.playbook_id == playbook_id, chosen))


async def save_stamps(tx: AsyncConnection, stamps: Mapping[int, int]) -> None:
    """What these rigs shall run changed."""
    for some in _portions(stamps):
        await tx.execute(delete(playbook_rigs).where(playbook_rigs.c.rig_id.in_(some)))
        await tx.execute(insert(playbook_rigs), [{"rig_id": rig, "stamp": stamps[rig]} for rig in some])


async def save_variables(tx: AsyncConnection, rig_id: int, variables: Mapping[str, str]) -> None:
    """These, and no others."""
    await tx.execute(delete(rig_variables).where(rig_variables.c.rig_id == rig_id))
    rows = [{"rig_id": rig_id, "name": name, "value": value} for name, value in variables.items()]
    if rows:
        await tx.execute(insert(rig_variables), rows)


def _portions(ids: Iterable[int]) -> Iterable[list[int]]:
    every = list(ids)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))
