"""The activity in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Row, Select, delete, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.activity.model import Draft, Entry, Query
from rigfarm.commander.activity.tables import activity, activity_targets
from rigfarm.commander.storage import among, get_meta, set_meta

__all__ = [
    "delete_through",
    "first_kept",
    "has_stray_targets",
    "insert_entries",
    "load_actions",
    "load_anchor",
    "load_entries",
    "load_entry",
    "load_last",
    "load_range",
    "load_targets",
    "save_anchor",
    "targets_limit",
]

ANCHOR = "activity_anchor"
_SEARCHED = ("who", "who_ref", "address", "action", "target", "details", "result")
_FIELDS = Draft.__struct_fields__


async def insert_entries(tx: AsyncConnection, entries: Sequence[Entry]) -> None:
    """New ones, in their order."""
    await tx.execute(insert(activity), [{"id": one.id, "hash": one.hash, **asdict(one.draft)} for one in entries])
    targets = [
        {"kind": kind, "target_id": number, "entry_id": one.id} for one in entries for kind, number in one.draft.targets
    ]
    if targets:
        await tx.execute(insert(activity_targets), targets)


async def load_last(tx: AsyncConnection) -> Entry | None:
    """The newest."""
    return _one((await tx.execute(select(activity).order_by(activity.c.id.desc()).limit(1))).one_or_none())


async def load_entry(tx: AsyncConnection, entry_id: int) -> Entry | None:
    """By number."""
    return _one((await tx.execute(select(activity).where(activity.c.id == entry_id))).one_or_none())


async def load_range(tx: AsyncConnection, after: int, through: int | None, limit: int) -> list[Entry]:
    """By number, oldest first."""
    query = select(activity).where(activity.c.id > after).order_by(activity.c.id).limit(limit)
    if through is not None:
        query = query.where(activity.c.id <= through)
    return [_entry(row) for row in await tx.execute(query)]


async def load_targets(tx: AsyncConnection, after: int, through: int) -> dict[int, set[tuple[str, int]]]:
    """What the entries between two numbers are about."""
    table = activity_targets.c
    found: dict[int, set[tuple[str, int]]] = {}
    columns = select(table.entry_id, table.kind, table.target_id)
    for row in await tx.execute(columns.where(table.entry_id > after, table.entry_id <= through)):
        found.setdefault(row.entry_id, set()).add((row.kind, row.target_id))
    return found


async def has_stray_targets(tx: AsyncConnection, first: int, last: int) -> bool:
    """Whether something is said to be what an entry is about that does not exist."""
    table = activity_targets.c
    stray = select(table.entry_id).where(or_(table.entry_id < first, table.entry_id > last)).limit(1)
    return await tx.scalar(stray) is not None


async def load_entries(tx: AsyncConnection, query: Query, limit: int) -> list[Entry]:
    """Those that match, newest first."""
    found = _matching(tx, query).order_by(activity.c.id.desc()).limit(limit)
    return [_entry(row) for row in await tx.execute(found)]


async def load_actions(tx: AsyncConnection) -> list[str]:
    """Every action that an entry has."""
    return list(await tx.scalars(select(activity.c.action).distinct().order_by(activity.c.action)))


async def load_anchor(tx: AsyncConnection) -> str | None:
    """The record of what was removed because of its age."""
    return await get_meta(tx, ANCHOR)


async def save_anchor(tx: AsyncConnection, text: str) -> None:
    """Replace it."""
    await set_meta(tx, ANCHOR, text)


async def first_kept(tx: AsyncConnection, since_ms: int) -> int | None:
    """The oldest entry of a time that is kept; None: none is."""
    number: int | None = await tx.scalar(select(func.min(activity.c.id)).where(activity.c.at >= since_ms))
    return number


async def targets_limit(tx: AsyncConnection, most: int) -> int | None:
    """The newest entry that has to go, so that at most so many targets stay; None: none has to."""
    number: int | None = await tx.scalar(
        select(activity_targets.c.entry_id).order_by(activity_targets.c.entry_id.desc()).offset(most).limit(1)
    )
    return number


async def delete_through(tx: AsyncConnection, entry_id: int) -> None:
    """Up to and including this one."""
    await tx.execute(delete(activity_targets).where(activity_targets.c.entry_id <= entry_id))
    await tx.execute(delete(activity).where(activity.c.id <= entry_id))


def _matching(tx: AsyncConnection, query: Query) -> Select[Any]:
    table = activity.c
    found = select(activity)
    for word in query.words:
        found = found.where(or_(*(table[name].icontains(word, autoescape=True) for name in _SEARCHED)))
    for column, value in ((table.who_kind, query.kind), (table.who, query.who), (table.outcome, query.outcome)):
        if value:
            found = found.where(column == value)
    if query.action:
        found = found.where(table.action == query.action)
    if query.about is not None:
        kind, number = query.about
        of = activity_targets.c
        found = found.where(exists().where(of.kind == kind, of.target_id == number, of.entry_id == table.id))
    if query.rigs is not None:
        of = activity_targets.c
        about = select(of.entry_id).where(of.kind == "rig", among(tx, of.target_id, query.rigs))
        found = found.where(table.id.in_(about))
    if query.since is not None:
        found = found.where(table.at >= query.since)
    if query.until is not None:
        found = found.where(table.at < query.until)
    if query.before is not None:
        found = found.where(table.id < query.before)
    return found


def _one(row: Row[Any] | None) -> Entry | None:
    return None if row is None else _entry(row)


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.id, Draft(*(getattr(row, name) for name in _FIELDS)), bytes(row.hash))
