"""Rigs and the tombstones of removed ones, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.rigs.model import Maintenance, Rig
from rigfarm.commander.rigs.tables import rigs, tombstones
from rigfarm.wire.specs import Specs

__all__ = [
    "delete_rig",
    "insert_rig",
    "load_rigs",
    "load_tombstones",
    "name_taken",
    "save_edited",
    "save_labels",
    "save_maintenance",
    "save_rig",
    "save_token",
]

_T = TypeVar("_T")

_specs = msgspec.json.Decoder(Specs)
_maintenance = msgspec.json.Decoder(Maintenance)
_tags = msgspec.json.Decoder(tuple[str, ...])


def name_taken(name: str) -> Conflict:
    """Another rig has this name."""
    return Conflict(f"A rig named {name} already exists (case is ignored): choose another.", field="name")


async def load_rigs(tx: AsyncConnection) -> list[tuple[Rig, bytes]]:
    """Every rig, with the hash of its token."""
    found = await tx.execute(select(rigs).order_by(rigs.c.id))
    return [(_rig(row), bytes(row.token_hash)) for row in found]


async def load_tombstones(tx: AsyncConnection) -> list[tuple[bytes, int, str]]:
    """(token hash, id, name) of every removed rig."""
    found = await tx.execute(select(tombstones.c.token_hash, tombstones.c.rig_id, tombstones.c.name))
    return [(bytes(row.token_hash), row.rig_id, row.name) for row in found]


async def insert_rig(tx: AsyncConnection, name: str, kind: KindName, token_hash: bytes, now_ms: int) -> Rig:
    """A new rig; Conflict when the name is not distinct."""
    try:
        done = await tx.execute(
            insert(rigs)
            .values(name=name, name_key=name_key(name), kind=kind, token_hash=token_hash, created_at=now_ms, revision=1)
            .returning(rigs.c.id)
        )
    except IntegrityError:
        raise name_taken(name) from None
    return Rig(id=done.scalar_one(), name=name, kind=kind, created_at=now_ms)


async def save_rig(tx: AsyncConnection, rig: Rig) -> None:
    """Write everything but the token, the maintenance and the labels; Conflict when the name is not distinct."""
    try:
        await tx.execute(
            update(rigs)
            .where(rigs.c.id == rig.id)
            .values(
                name=rig.name,
                name_key=name_key(rig.name),
                revision=rig.revision,
                first_seen_at=rig.first_seen_at,
                specs=None if rig.specs is None else msgspec.json.encode(rig.specs).decode(),
                token_due=rig.token_due,
            )
        )
    except IntegrityError:
        raise name_taken(rig.name) from None


async def save_token(tx: AsyncConnection, rig_id: int, token_hash: bytes) -> None:
    """Replace the token; the old one is refused from now on."""
    await tx.execute(update(rigs).where(rigs.c.id == rig_id).values(token_hash=token_hash, token_due=True))


async def save_maintenance(tx: AsyncConnection, changed: Sequence[Rig]) -> None:
    """Write the maintenance of these rigs, at least one, and their revisions."""
    await tx.execute(
        update(rigs)
        .where(rigs.c.id == bindparam("rig_id"))
        .values(maintenance=bindparam("said"), revision=bindparam("now_at")),
        [
            {
                "rig_id": rig.id,
                "said": None if rig.maintenance is None else msgspec.json.encode(rig.maintenance).decode(),
                "now_at": rig.revision,
            }
            for rig in changed
        ],
    )


async def save_edited(tx: AsyncConnection, changed: Sequence[Rig]) -> None:
    """Write the names, places and tags of these rigs, at least one, and their revisions; Conflict when a name is not
    distinct."""
    await save_labels(tx, changed)
    try:
        await tx.execute(
            update(rigs)
            .where(rigs.c.id == bindparam("rig_id"))
            .values(name=bindparam("now_named"), name_key=bindparam("now_keyed")),
            [{"rig_id": rig.id, "now_named": rig.name, "now_keyed": name_key(rig.name)} for rig in changed],
        )
    except IntegrityError:
        raise Conflict("Another rig has one of these names.", field="rigs") from None


async def save_labels(tx: AsyncConnection, changed: Sequence[Rig]) -> None:
    """Write the places and tags of these rigs, at least one, and their revisions."""
    await tx.execute(
        update(rigs)
        .where(rigs.c.id == bindparam("rig_id"))
        .values(place=bindparam("now_in"), tags=bindparam("now_tagged"), revision=bindparam("now_at")),
        [
            {
                "rig_id": rig.id,
                "now_in": rig.place,
                "now_tagged": msgspec.json.encode(rig.tags).decode(),
                "now_at": rig.revision,
            }
            for rig in changed
        ],
    )


async def delete_rig(tx: AsyncConnection, rig: Rig, token_hash: bytes, now_ms: int) -> None:
    """Remove a rig and keep the tombstone of its token, so that it can be told whenever it returns."""
    await tx.execute(delete(rigs).where(rigs.c.id == rig.id))
    await tx.execute(
        insert(tombstones).values(token_hash=token_hash, rig_id=rig.id, name=rig.name, kind=rig.kind, removed_at=now_ms)
    )


def _rig(row: Row[tuple[object, ...]]) -> Rig:
    return Rig(
        id=row.id,
        name=row.name,
        kind=row.kind,
        created_at=row.created_at,
        revision=row.revision,
        first_seen_at=row.first_seen_at,
        specs=_decoded(_specs, row.specs),
        token_due=row.token_due,
        maintenance=_decoded(_maintenance, row.maintenance),
        place=row.place or "",
        tags=_decoded(_tags, row.tags) or (),
    )


def _decoded(decoder: msgspec.json.Decoder[_T], text: str | None) -> _T | None:
    """Absent also where another version wrote it: of its specs, a rig's Sentry sends new ones when it connects."""
    try:
        return None if text is None else decoder.decode(text)
    except msgspec.DecodeError:
        return None
