"""What differs between SQLite and PostgreSQL, so that no other part has to know."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["upsert"]


async def upsert(tx: AsyncConnection, table: Table, values: Mapping[str, object]) -> None:
    """Insert a row, or replace the other columns of the one with the same primary key."""
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in keys}
    await tx.execute(make(table).values(**values).on_conflict_do_update(index_elements=keys, set_=rest))
