"""Mining software in the database."""

from __future__ import annotations

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.mining_software.model import Kept, Software, SoftwareForm
from rigfarm.commander.mining_software.tables import mining_software as table
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict

__all__ = ["delete_software", "insert_software", "load_software", "save_software", "taken"]


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
    return Conflict(f"{form.name} {form.version} is there already: change that one.", field="version")


def _columns(form: SoftwareForm, kept: Kept | None) -> dict[str, object]:
    return {
        "name": form.name,
        "name_key": name_key(form.name),
        "version": form.version,
        "version_key": name_key(form.version),
        "url": form.url,
        "lan": form.lan,
        "expected_sha256": form.expected_sha256 or None,
        "sha256": None if kept is None else kept.sha256,
        "size": None if kept is None else kept.size,
        "format": None if kept is None else kept.format,
        "executable": form.executable,
        "adapter": form.adapter,
        "api_arguments": form.api_arguments,
        "template": form.template,
        "devices": form.devices,
        "dual": form.dual,
    }


def _software(row: Row[tuple[object, ...]]) -> Software:
    return Software(
        id=row.id,
        form=SoftwareForm(
            name=row.name,
            version=row.version,
            url=row.url,
            lan=row.lan,
            expected_sha256=row.expected_sha256 or "",
            executable=row.executable,
            adapter=row.adapter,
            api_arguments=row.api_arguments,
            template=row.template,
            devices=row.devices,
            dual=row.dual,
        ),
        kept=None if row.sha256 is None else Kept(row.sha256, row.size, row.format),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
