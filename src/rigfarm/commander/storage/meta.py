"""Facts about this deployment that fit no table of their own: one text per key."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.storage.dialects import upsert
from rigfarm.commander.storage.schema import metadata

__all__ = ["get_meta", "meta", "set_meta"]

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


async def get_meta(tx: AsyncConnection, key: str) -> str | None:
    """What is kept under the key."""
    value: str | None = await tx.scalar(select(meta.c.value).where(meta.c.key == key))
    return value


async def set_meta(tx: AsyncConnection, key: str, value: str) -> None:
    """Keep a text under the key, instead of what was there."""
    await upsert(tx, meta, {"key": key, "value": value})
