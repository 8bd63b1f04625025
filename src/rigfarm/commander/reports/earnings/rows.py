"""Figures of coins and their sources in the database."""

from __future__ import annotations

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.reports.earnings.model import CoinSource, CoinValue, SourceForm
from rigfarm.commander.reports.tables import coin_sources, coin_values

__all__ = [
    "delete_source",
    "delete_values",
    "insert_source",
    "insert_value",
    "load_sources",
    "load_values",
    "prune_values",
    "source_tried",
]

_form = msgspec.json.Decoder(SourceForm)


async def load_values(tx: AsyncConnection) -> list[CoinValue]:
    """Every one, oldest first."""
    found = await tx.execute(select(coin_values).order_by(coin_values.c.at_ms, coin_values.c.id))
    return [CoinValue(**row._mapping) for row in found]


async def insert_value(tx: AsyncConnection, value: CoinValue) -> CoinValue:
    """A new one; it gets a number."""
    columns = {name: one for name, one in asdict(value).items() if name != "id"}
    done = await tx.execute(insert(coin_values).values(**columns).returning(coin_values))
    return CoinValue(**done.one()._mapping)


async def delete_values(tx: AsyncConnection, ids: list[int]) -> None:
    """They are gone."""
    await tx.execute(delete(coin_values).where(coin_values.c.id.in_(ids)))


async def prune_values(tx: AsyncConnection, before_ms: int) -> None:
    """Delete fetched ones that are older."""
    await tx.execute(delete(coin_values).where((coin_values.c.at_ms < before_ms) & (coin_values.c.source != "")))


async def load_sources(tx: AsyncConnection) -> list[CoinSource]:
    """Every one."""
    return [_source(row) for row in await tx.execute(select(coin_sources).order_by(coin_sources.c.id))]


async def insert_source(tx: AsyncConnection, form: SourceForm, currency: str) -> CoinSource:
    """A new one, not asked yet."""
    values = {"form": msgspec.json.encode(form).decode(), "currency": currency, "tried_ms": None, "error": ""}
    return _source((await tx.execute(insert(coin_sources).values(**values).returning(coin_sources))).one())


async def delete_source(tx: AsyncConnection, source_id: int) -> None:
    """It is gone; what was fetched from it stays."""
    await tx.execute(delete(coin_sources).where(coin_sources.c.id == source_id))


async def source_tried(tx: AsyncConnection, source_id: int, now_ms: int, error: str) -> None:
    """It was asked."""
    change = update(coin_sources).where(coin_sources.c.id == source_id)
    await tx.execute(change.values(tried_ms=now_ms, error=error))


def _source(row: Row[tuple[object, ...]]) -> CoinSource:
    return CoinSource(
        id=row.id, form=_form.decode(row.form), currency=row.currency, tried_ms=row.tried_ms, error=row.error
    )
