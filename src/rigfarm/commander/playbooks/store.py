"""Playbooks and their revisions in the database."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.names import name_key
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent, Revision
from rigfarm.commander.playbooks.tables import playbooks, revisions
from rigfarm.commander.refusals import Conflict

__all__ = [
    "delete_playbook",
    "insert_playbook",
    "load_history",
    "load_playbooks",
    "load_revisions",
    "save_revision",
    "taken",
]

_content = msgspec.json.Decoder(PlaybookContent)
_AT_ONCE = 400


async def load_playbooks(tx: AsyncConnection) -> list[Playbook]:
    """Every playbook with its newest revision."""
    newest = and_(revisions.c.playbook_id == playbooks.c.id, revisions.c.revision == playbooks.c.revision)
    found = await tx.execute(
        select(playbooks, revisions.c.content).join(revisions, newest).order_by(playbooks.c.id),
    )
    return [
        Playbook(row.id, row.revision, _content.decode(row.content), row.created_at, row.updated_at) for row in found
    ]


async def load_history(tx: AsyncConnection, playbook_id: int, limit: int, before: int | None = None) -> list[Revision]:
    """A playbook's revisions, newest first; `before` pages on."""
    query = select(revisions).where(revisions.c.playbook_id == playbook_id)
    if before is not None:
        query = query.where(revisions.c.revision < before)
    found = await tx.execute(query.order_by(revisions.c.revision.desc()).limit(limit))
    return [_revision(row) for row in found]


async def load_revisions(tx: AsyncConnection, keys: Iterable[tuple[int, int]]) -> list[Revision]:
    """The revisions with these (playbook, number)."""
    wanted, found = list(keys), []
    for start in range(0, len(wanted), _AT_ONCE):
        some = or_(
            *(
                and_(revisions.c.playbook_id == p, revisions.c.revision == r)
                for p, r in wanted[start : start + _AT_ONCE]
            )
        )
        found += [_revision(row) for row in await tx.execute(select(revisions).where(some))]
    return found


async def insert_playbook(tx: AsyncConnection, content: PlaybookContent, note: str, now_ms: int) -> Playbook:
    """A new one, with its first revision; Conflict when the name is not distinct."""
    row = {
        "name": content.name,
        "name_key": name_key(content.name),
        "revision": 1,
        "created_at": now_ms,
        "updated_at": now_ms,
    }
    try:
        done = await tx.execute(insert(playbooks).values(**row).returning(playbooks.c.id))
    except IntegrityError:
        raise taken(content.name) from None
    playbook_id = done.scalar_one()
    await _insert_revision(tx, Revision(playbook_id, 1, content, note, now_ms))
    return Playbook(playbook_id, 1, content, now_ms, now_ms)


async def save_revision(
    tx: AsyncConnection, old: Playbook, content: PlaybookContent, note: str, now_ms: int
) -> Playbook:
    """The next revision; Conflict when the name is not distinct."""
    number = old.revision + 1
    row = {"name": content.name, "name_key": name_key(content.name), "revision": number, "updated_at": now_ms}
    try:
        await tx.execute(update(playbooks).where(playbooks.c.id == old.id).values(**row))
    except IntegrityError:
        raise taken(content.name) from None
    await _insert_revision(tx, Revision(old.id, number, content, note, now_ms))
    return Playbook(old.id, number, content, old.created_at, now_ms)


async def delete_playbook(tx: AsyncConnection, playbook_id: int) -> None:
    """It is gone, with its revisions, and no rig has it any more."""
    await tx.execute(delete(playbooks).where(playbooks.c.id == playbook_id))


def taken(name: str) -> Conflict:
    """Another playbook has the name."""
    return Conflict(
        f"A playbook named {name} already exists (case is ignored): choose another.",
        field="name",
    )


async def _insert_revision(tx: AsyncConnection, revision: Revision) -> None:
    row = {
        "playbook_id": revision.playbook_id,
        "revision": revision.number,
        "content": msgspec.json.encode(revision.content).decode(),
        "note": revision.note,
        "created_at": revision.created_at,
    }
    await tx.execute(insert(revisions).values(**row))


def _revision(row: Row[tuple[object, ...]]) -> Revision:
    return Revision(row.playbook_id, row.revision, _content.decode(row.content), row.note, row.created_at)
