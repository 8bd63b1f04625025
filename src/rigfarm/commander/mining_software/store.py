"""Mining software in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.mining_software.model import Kept, Software, SoftwareForm
from rigfarm.commander.mining_software.tables import mining_software as table
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict

__all__ = ["delete_software", "insert_software", "load_software", "save_software", "taken"]

_form = msgspec.json.Decoder(SoftwareForm)
_kept = msgspec.json.Decoder(Kept)


async def load_software(tx: AsyncConnection) -> list[Software]:
    """Every version of every program."""
    found = await tx.execute(select(table).order_by(table.c.id))
    return [_software(row) for row in found]


async def insert_software(tx: AsyncConnection, form: SoftwareForm, now_ms: int) -> Software:
    """A new version; Conflict when it is there already."""
    values = {**_columns(form, None), "revision": 1, "created_at": now_ms, "updated_at": now_ms}
    try:
        done = await tx.execute(insert(table).values(**values).returning(table))
    except IntegrityError:
        raise taken(form) from None
    return _software(done.one())


async def save_software(
    tx: AsyncConnection, software: Software, form: SoftwareForm, kept: Kept | None, now_ms: int
) -> Software:
    """What the form says and which file is kept, as the next revision; Conflict when the version is there already."""
    values = {**_columns(form, kept), "revision": software.revision + 1, "updated_at": now_ms}
    try:
        done = await tx.execute(update(table).where(table.c.id == software.id).values(**values).returning(table))
    except IntegrityError:
        raise taken(form) from None
    return _software(done.one())


async def delete_software(tx: AsyncConnection, software_id: int) -> None:
    """It is gone."""
    await tx.execute(delete(table).where(table.c.id == software_id))


def taken(form: SoftwareForm) -> Conflict:
    """The version is there already."""
    return Conflict(f"{form.name} {form.version} already exists: change that one.", field="version")


def _columns(form: SoftwareForm, kept: Kept | None) -> dict[str, object]:
    return {
        "name_key": name_key(form.name),
        "version_key": name_key(form.version),
        "form": msgspec.json.encode(form).decode(),
        "kept": None if kept is None else msgspec.json.encode(kept).decode(),
    }


def _software(row: Row[tuple[object, ...]]) -> Software:
    return Software(
        id=row.id,
        form=_form.decode(row.form),
        kept=None if row.kept is None else _kept.decode(row.kept),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
