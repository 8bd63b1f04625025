"""Orders in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.orders.model import ENDED, RigOrder, without_secrets
from rigfarm.commander.orders.tables import orders
from rigfarm.wire.orders import Order

__all__ = ["insert_orders", "load_open", "load_orders", "prune", "save_orders"]

_order = msgspec.json.Decoder(Order)


async def insert_orders(tx: AsyncConnection, new: Sequence[RigOrder]) -> None:
    """Keep new ones."""
    rows = [
        {
            "id": one.id,
            "batch": one.batch,
            "rig_id": one.rig_id,
            "body": msgspec.json.encode(without_secrets(one.order)).decode(),
            "state": one.state,
            "detail": one.detail,
            "created_at": one.created_at,
            "sent_at": one.sent_at,
            "finished_at": one.finished_at,
        }
        for one in new
    ]
    await tx.execute(insert(orders), rows)


async def save_orders(tx: AsyncConnection, changed: Sequence[RigOrder]) -> None:
    """Where they stand."""
    rows = [
        {
            "key": one.id,
            "state": one.state,
            "detail": one.detail,
            "sent_at": one.sent_at,
            "finished_at": one.finished_at,
        }
        for one in changed
    ]
    change = update(orders).where(orders.c.id == bindparam("key"))
    await tx.execute(
        change.values(
            state=bindparam("state"),
            detail=bindparam("detail"),
            sent_at=bindparam("sent_at"),
            finished_at=bindparam("finished_at"),
        ),
        rows,
    )


async def load_open(tx: AsyncConnection) -> list[RigOrder]:
    """Those without a final result, oldest first."""
    query = select(orders).where(orders.c.state.not_in(sorted(ENDED))).order_by(orders.c.created_at)
    return [_rig_order(row) for row in await tx.execute(query)]


async def load_orders(
    tx: AsyncConnection, limit: int, *, rig_id: int | None = None, batch: str | None = None
) -> list[RigOrder]:
    """The latest, newest first; of a rig, of one click, or of all."""
    query = select(orders).order_by(orders.c.created_at.desc(), orders.c.id).limit(limit)
    if rig_id is not None:
        query = query.where(orders.c.rig_id == rig_id)
    if batch is not None:
        query = query.where(orders.c.batch == batch)
    return [_rig_order(row) for row in await tx.execute(query)]


async def prune(tx: AsyncConnection, before_ms: int, states: Iterable[str] = ENDED) -> None:
    """Forget old ones that have their result."""
    await tx.execute(delete(orders).where(orders.c.created_at < before_ms, orders.c.state.in_(sorted(states))))


def _rig_order(row: Row[tuple[object, ...]]) -> RigOrder:
    return RigOrder(
        id=row.id,
        batch=row.batch,
        rig_id=row.rig_id,
        order=_order.decode(row.body),
        state=row.state,
        detail=row.detail,
        created_at=row.created_at,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
    )
