"""What differs between SQLite and PostgreSQL, so that no other part has to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Column, ColumnElement, Table, any_, column, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["among", "upsert"]

FEW = 200
"""Of more numbers it is faster to go through the rows in their order than to look up each."""


def among(tx: AsyncConnection, numbered: Column[int], numbers: Collection[int]) -> ColumnElement[bool]:
    """Whether a column has one of these numbers, however many: a statement takes them as one parameter."""
    ordered = sorted(numbers)
    sought = numbered if len(numbers) <= FEW else numbered.op("+")(0)
    if tx.dialect.name == "postgresql":
        return sought == any_(literal(ordered, postgresql.ARRAY(numbered.type)))
    value = column("value", numbered.type)
    listed = func.json_each(msgspec.json.encode(ordered).decode()).table_valued(value)
    return sought.in_(select(listed.c.value))


async def upsert(tx: AsyncConnection, table: Table, values: Mapping[str, object]) -> None:
    """Insert a row, or replace the other columns of the one with the same primary key."""
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in keys}
    await tx.execute(make(table).values(**values).on_conflict_do_update(index_elements=keys, set_=rest))
