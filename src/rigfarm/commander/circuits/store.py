"""Circuits in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.circuits.model import Circuit, CircuitForm
from rigfarm.commander.circuits.tables import circuits
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict

__all__ = ["delete_circuit", "insert_circuit", "load_circuits", "save_circuit", "taken"]

_form = msgspec.json.Decoder(CircuitForm)


async def load_circuits(tx: AsyncConnection) -> list[Circuit]:
    """Every one."""
    return [_circuit(row) for row in await tx.execute(select(circuits).order_by(circuits.c.id))]


async def insert_circuit(tx: AsyncConnection, form: CircuitForm, now_ms: int) -> Circuit:
    """A new one; Conflict when the name is not distinct."""
    values = {**_columns(form), "revision": 1, "created_at": now_ms, "updated_at": now_ms}
    try:
        done = await tx.execute(insert(circuits).values(**values).returning(circuits))
    except IntegrityError:
        raise taken(form.name) from None
    return _circuit(done.one())


async def save_circuit(tx: AsyncConnection, circuit: Circuit, form: CircuitForm, now_ms: int) -> Circuit:
    """What the form says, as its next revision; Conflict when the name is not distinct."""
    values = {**_columns(form), "revision": circuit.revision + 1, "updated_at": now_ms}
    change = update(circuits).where(circuits.c.id == circuit.id).values(**values).returning(circuits)
    try:
        done = await tx.execute(change)
    except IntegrityError:
        raise taken(form.name) from None
    return _circuit(done.one())


async def delete_circuit(tx: AsyncConnection, circuit_id: int) -> None:
    """It is gone."""
    await tx.execute(delete(circuits).where(circuits.c.id == circuit_id))


def taken(name: str) -> Conflict:
    """Another circuit has the name."""
    return Conflict(f"A circuit named {name} already exists (case is ignored): choose another name.", field="name")


def _columns(form: CircuitForm) -> dict[str, object]:
    return {"name_key": name_key(form.name), "form": msgspec.json.encode(form).decode()}


def _circuit(row: Row[tuple[object, ...]]) -> Circuit:
    return Circuit(row.id, _form.decode(row.form), row.revision, row.created_at, row.updated_at)
