"""The address book in the database."""

from __future__ import annotations

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.addresses.model import Address, AddressForm
from rigfarm.commander.addresses.tables import addresses
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict

__all__ = ["delete_address", "insert_address", "load_addresses", "save_address"]

_form = msgspec.json.Decoder(AddressForm)


async def load_addresses(tx: AsyncConnection) -> list[Address]:
    """Every entry."""
    found = await tx.execute(select(addresses).order_by(addresses.c.id))
    return [_address(row) for row in found]


async def insert_address(tx: AsyncConnection, form: AddressForm, now_ms: int) -> Address:
    """A new entry; Conflict when the name is not distinct."""
    values = {**_columns(form), "revision": 1, "created_at": now_ms, "updated_at": now_ms}
    try:
        done = await tx.execute(insert(addresses).values(**values).returning(addresses))
    except IntegrityError:
        raise taken(form.name) from None
    return _address(done.one())


async def save_address(tx: AsyncConnection, address: Address, form: AddressForm, now_ms: int) -> Address:
    """What the form says, as the next revision; Conflict when the name is not distinct."""
    values = {**_columns(form), "revision": address.revision + 1, "updated_at": now_ms}
    change = update(addresses).where(addresses.c.id == address.id).values(**values).returning(addresses)
    try:
        done = await tx.execute(change)
    except IntegrityError:
        raise taken(form.name) from None
    return _address(done.one())


async def delete_address(tx: AsyncConnection, address_id: int) -> None:
    """It is gone."""
    await tx.execute(delete(addresses).where(addresses.c.id == address_id))


def taken(name: str) -> Conflict:
    """Another entry has the name."""
    return Conflict(
        f"The address book already has an entry named {name} (case is ignored): choose another.",
        field="name",
    )


def _columns(form: AddressForm) -> dict[str, object]:
    return {"name_key": name_key(form.name), "form": msgspec.json.encode(form).decode()}


def _address(row: Row[tuple[object, ...]]) -> Address:
    return Address(
        **asdict(_form.decode(row.form)),
        id=row.id,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
