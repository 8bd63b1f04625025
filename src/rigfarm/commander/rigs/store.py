"""Rigs and the tombstones of removed ones, in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.channels import Kind
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.tables import rigs, tombstones
from rigfarm.wire.specs import Specs

__all__ = ["delete_rig", "insert_rig", "load_rigs", "load_tombstones", "name_taken", "save_rig", "save_token"]

_specs = msgspec.json.Decoder(Specs)


def name_taken(name: str) -> Conflict:
    """Another rig has this name."""
    return Conflict(
        f"There is a rig named {name} already. Names are compared without regard to case: choose another.", field="name"
    )


async def load_rigs(tx: AsyncConnection) -> list[tuple[Rig, bytes]]:
    """Every rig, with the hash of its token."""
    found = await tx.execute(select(rigs).order_by(rigs.c.id))
    return [(_rig(row), bytes(row.token_hash)) for row in found]


async def load_tombstones(tx: AsyncConnection) -> list[tuple[bytes, int, str]]:
    """(token hash, id, name) of every removed rig."""
    found = await tx.execute(select(tombstones.c.token_hash, tombstones.c.rig_id, tombstones.c.name))
    return [(bytes(row.token_hash), row.rig_id, row.name) for row in found]


async def insert_rig(tx: AsyncConnection, name: str, kind: Kind, token_hash: bytes, now_ms: int) -> Rig:
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
    """Write everything but the token; Conflict when the name is not distinct."""
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
            )
        )
    except IntegrityError:
        raise name_taken(rig.name) from None


async def save_token(tx: AsyncConnection, rig_id: int, token_hash: bytes) -> None:
    """Replace the token; the old one is refused from now on."""
    await tx.execute(update(rigs).where(rigs.c.id == rig_id).values(token_hash=token_hash))


async def delete_rig(tx: AsyncConnection, rig: Rig, token_hash: bytes, now_ms: int) -> None:
    """Remove a rig and keep the tombstone of its token, so that it can be told whenever it returns."""
    await tx.execute(delete(rigs).where(rigs.c.id == rig.id))
    await tx.execute(
        insert(tombstones).values(token_hash=token_hash, rig_id=rig.id, name=rig.name, kind=rig.kind, removed_at=now_ms)
    )


def _rig(row: Row[tuple[object, ...]]) -> Rig:
    specs: Specs | None = None
    if row.specs is not None:
        try:
            specs = _specs.decode(row.specs)
        except msgspec.DecodeError:
            specs = None  # written by another version; the Sentry sends them again when it connects
    return Rig(
        id=row.id,
        name=row.name,
        kind=row.kind,
        created_at=row.created_at,
        revision=row.revision,
        first_seen_at=row.first_seen_at,
        specs=specs,
    )
