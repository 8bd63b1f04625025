"""Webhooks and deliveries in the database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.webhooks.model import Delivery, Webhook, WebhookForm
from rigfarm.commander.webhooks.tables import webhook_deliveries, webhooks

__all__ = [
    "count_waiting",
    "delete_webhook",
    "insert_deliveries",
    "insert_webhook",
    "load_deliveries",
    "load_due",
    "load_webhooks",
    "next_due",
    "prune",
    "save_delivery",
    "save_webhook",
]

_form = msgspec.json.Decoder(WebhookForm)
_rows = webhook_deliveries.c


async def load_webhooks(tx: AsyncConnection) -> list[Webhook]:
    """Every one."""
    return [_webhook(row) for row in await tx.execute(select(webhooks).order_by(webhooks.c.id))]


async def insert_webhook(tx: AsyncConnection, form: WebhookForm, url: str, secret: str, now_ms: int) -> Webhook:
    """A new one; Conflict when the name is not distinct."""
    values = {"url": url, "secret": secret, "old_secret": "", "old_until_ms": 0, "revision": 1, "updated_at": now_ms}
    try:
        done = await tx.execute(insert(webhooks).values(**_columns(form), **values).returning(webhooks))
    except IntegrityError:
        raise _taken(form.name) from None
    return _webhook(done.one())


async def save_webhook(tx: AsyncConnection, old: Webhook, new: Webhook) -> Webhook:
    """What is different, as the next revision; Conflict when the name is not distinct."""
    values = {
        **_columns(new.form),
        "url": new.url,
        "secret": new.secret,
        "old_secret": new.old_secret,
        "old_until_ms": new.old_until_ms,
        "revision": old.revision + 1,
        "updated_at": new.updated_ms,
    }
    try:
        done = await tx.execute(update(webhooks).where(webhooks.c.id == old.id).values(**values).returning(webhooks))
    except IntegrityError:
        raise _taken(new.form.name) from None
    return _webhook(done.one())


async def delete_webhook(tx: AsyncConnection, webhook_id: int) -> None:
    """With its deliveries."""
    await tx.execute(delete(webhooks).where(webhooks.c.id == webhook_id))


async def insert_deliveries(tx: AsyncConnection, rows: Sequence[Delivery]) -> None:
    """New ones; their ids are given by the database."""
    if rows:
        await tx.execute(insert(webhook_deliveries), [_values(one) for one in rows])


async def save_delivery(tx: AsyncConnection, one: Delivery) -> None:
    """What became of it."""
    values = {name: getattr(one, name) for name in ("state", "attempts", "answer", "due_ms", "ended_ms")}
    await tx.execute(update(webhook_deliveries).where(_rows.id == one.id).values(**values))


async def count_waiting(tx: AsyncConnection) -> dict[int, int]:
    """How many wait for each webhook."""
    counts = select(_rows.webhook_id, func.count()).where(_rows.state == "waiting").group_by(_rows.webhook_id)
    return {row[0]: row[1] for row in await tx.execute(counts)}


async def load_due(tx: AsyncConnection, webhook_id: int, now_ms: int, limit: int) -> list[Delivery]:
    """Those of a webhook that are to be sent now, the oldest first."""
    due = (_rows.webhook_id == webhook_id) & (_rows.state == "waiting") & (_rows.due_ms <= now_ms)
    found = await tx.execute(select(webhook_deliveries).where(due).order_by(_rows.due_ms, _rows.id).limit(limit))
    return [_delivery(row) for row in found]


async def next_due(tx: AsyncConnection) -> dict[int, int]:
    """When the next of each webhook is to be sent."""
    firsts = select(_rows.webhook_id, func.min(_rows.due_ms)).where(_rows.state == "waiting").group_by(_rows.webhook_id)
    return {row[0]: row[1] for row in await tx.execute(firsts)}


async def load_deliveries(
    tx: AsyncConnection, limit: int, *, webhook_id: int | None = None, before: int | None = None
) -> list[Delivery]:
    """Of all or of a webhook, the newest first; `before`: only those with a smaller number."""
    query = select(webhook_deliveries).order_by(_rows.id.desc()).limit(limit)
    if webhook_id is not None:
        query = query.where(_rows.webhook_id == webhook_id)
    if before is not None:
        query = query.where(_rows.id < before)
    return [_delivery(row) for row in await tx.execute(query)]


async def prune(tx: AsyncConnection, before_ms: int, most: int) -> None:
    """Forget those that ended before, and of the others all but the newest."""
    ended = _rows.state != "waiting"
    await tx.execute(delete(webhook_deliveries).where(ended & (_rows.ended_ms < before_ms)))
    last = await tx.scalar(select(_rows.id).where(ended).order_by(_rows.id.desc()).offset(most).limit(1))
    if last is not None:
        await tx.execute(delete(webhook_deliveries).where(ended & (_rows.id <= last)))


def _taken(name: str) -> Conflict:
    return Conflict(f"There already is a webhook named {name} (case is ignored): choose another name.", field="name")


def _columns(form: WebhookForm) -> dict[str, object]:
    return {"name_key": name_key(form.name), "form": msgspec.json.encode(form).decode()}


def _webhook(row: Row[tuple[object, ...]]) -> Webhook:
    return Webhook(
        row.id,
        _form.decode(row.form),
        row.url,
        row.secret,
        row.old_secret,
        row.old_until_ms,
        row.revision,
        row.updated_at,
    )


def _values(one: Delivery) -> dict[str, object]:
    names = [name for name in Delivery.__struct_fields__ if name not in ("id", "body")]
    return {name: getattr(one, name) for name in names} | {"body": one.body.decode()}


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        row.id,
        row.webhook_id,
        row.message_id,
        row.kind,
        row.body.encode(),
        row.state,
        row.attempts,
        row.answer,
        row.created_ms,
        row.due_ms,
        row.ended_ms,
    )
