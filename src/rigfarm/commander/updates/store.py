"""Updates of Sentries in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.updates.model import OnRig, Plan, SentryUpdate
from rigfarm.commander.updates.tables import sentry_updates

__all__ = ["insert_update", "load_running", "load_update", "load_updates", "save_update"]

_plan = msgspec.json.Decoder(Plan)
_rigs = msgspec.json.Decoder(dict[int, OnRig])


async def load_running(tx: AsyncConnection) -> list[SentryUpdate]:
    """Those that have not ended."""
    query = select(sentry_updates).where(sentry_updates.c.state == "running").order_by(sentry_updates.c.id)
    return [_update(row) for row in await tx.execute(query)]


async def load_updates(tx: AsyncConnection, limit: int, before: int | None = None) -> list[SentryUpdate]:
    """The latest; `before` pages on."""
    query = select(sentry_updates).order_by(sentry_updates.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(sentry_updates.c.id < before)
    return [_update(row) for row in await tx.execute(query)]


async def load_update(tx: AsyncConnection, update_id: int) -> SentryUpdate | None:
    """One of them."""
    row = (await tx.execute(select(sentry_updates).where(sentry_updates.c.id == update_id))).one_or_none()
    return None if row is None else _update(row)


async def insert_update(tx: AsyncConnection, plan: Plan, rigs: dict[int, OnRig], now_ms: int) -> SentryUpdate:
    """A new one, about to begin."""
    row = {
        "state": "running",
        "plan": msgspec.json.encode(plan).decode(),
        "rigs": msgspec.json.encode(rigs).decode(),
        "detail": "",
        "created_at": now_ms,
    }
    done = await tx.execute(insert(sentry_updates).values(**row).returning(sentry_updates.c.id))
    return SentryUpdate(done.scalar_one(), "running", plan, rigs, "", now_ms)


async def save_update(tx: AsyncConnection, one: SentryUpdate) -> None:
    """Where it stands."""
    row = {
        "state": one.state,
        "rigs": msgspec.json.encode(one.rigs).decode(),
        "detail": one.detail,
        "finished_at": one.finished_at,
    }
    await tx.execute(update(sentry_updates).where(sentry_updates.c.id == one.id).values(**row))


def _update(row: Row[tuple[object, ...]]) -> SentryUpdate:
    return SentryUpdate(
        row.id, row.state, _plan.decode(row.plan), _rigs.decode(row.rigs), row.detail, row.created_at, row.finished_at
    )
