"""Channels and messages in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.delivery.model import WINDOW, Channel, ChannelForm, Message
from rigfarm.commander.alerts.store import of_rigs
from rigfarm.commander.alerts.tables import alert_channels, alert_messages
from rigfarm.commander.names import name_key
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.storage import portions

__all__ = [
    "change_messages",
    "delete_channel",
    "insert_channel",
    "insert_messages",
    "load_channels",
    "load_due",
    "load_message",
    "load_messages",
    "save_channel",
    "sent_since",
    "told",
    "use_link",
    "windows_changed",
]

_form = msgspec.json.Decoder(ChannelForm)


async def load_channels(tx: AsyncConnection) -> list[Channel]:
    """Every one."""
    return [_channel(row) for row in await tx.execute(select(alert_channels).order_by(alert_channels.c.id))]


async def insert_channel(tx: AsyncConnection, form: ChannelForm, url: str, now_ms: int) -> Channel:
    """A new one; Conflict when its name is taken."""
    values = {**_columns(form), "url": url, "revision": 1, "updated_at": now_ms}
    try:
        return _channel((await tx.execute(insert(alert_channels).values(**values).returning(alert_channels))).one())
    except IntegrityError:
        raise _taken(form.name) from None


async def save_channel(tx: AsyncConnection, channel: Channel, form: ChannelForm, url: str, now_ms: int) -> Channel:
    """As its next revision."""
    values = {**_columns(form), "url": url, "revision": channel.revision + 1, "updated_at": now_ms}
    change = update(alert_channels).where(alert_channels.c.id == channel.id).values(**values)
    try:
        return _channel((await tx.execute(change.returning(alert_channels))).one())
    except IntegrityError:
        raise _taken(form.name) from None


async def delete_channel(tx: AsyncConnection, channel_id: int) -> None:
    """With its messages."""
    await tx.execute(delete(alert_channels).where(alert_channels.c.id == channel_id))


async def insert_messages(tx: AsyncConnection, wanted: Sequence[tuple[int, int, str]], now_ms: int) -> None:
    """(alert, channel, what) of each that has to be sent."""
    rows = [
        {
            "alert_id": alert_id,
            "channel_id": channel_id,
            "what": what,
            "state": "waiting",
            "attempts": 0,
            "answer": "",
            "created_ms": now_ms,
            "due_ms": now_ms,
        }
        for alert_id, channel_id, what in wanted
    ]
    if rows:
        await tx.execute(insert(alert_messages), rows)


async def told(tx: AsyncConnection, alert_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(alert, channel) of those that were told of an alert, or are being told."""
    query = select(alert_messages.c.alert_id, alert_messages.c.channel_id).distinct()
    found = query.where(alert_messages.c.alert_id.in_(alert_ids), alert_messages.c.state.in_(("sent", "sending")))
    return [(row.alert_id, row.channel_id) for row in await tx.execute(found)]


async def load_due(tx: AsyncConnection, now_ms: int, limit: int) -> list[Message]:
    """What waits and is due, and what is being sent, oldest first."""
    waits = (alert_messages.c.state == "waiting") & (alert_messages.c.due_ms <= now_ms)
    query = select(alert_messages).where(waits | (alert_messages.c.state == "sending"))
    return [_message(row) for row in await tx.execute(query.order_by(alert_messages.c.id).limit(limit))]


async def load_messages(
    tx: AsyncConnection,
    limit: int,
    *,
    alert_id: int | None = None,
    channel_id: int | None = None,
    before: int | None = None,
    rigs: Collection[int] | None = None,
) -> list[Message]:
    """The latest, newest first; `rigs`: only those about alerts that one of these is or was in."""
    query = select(alert_messages).order_by(alert_messages.c.id.desc()).limit(limit)
    if alert_id is not None:
        query = query.where(alert_messages.c.alert_id == alert_id)
    if channel_id is not None:
        query = query.where(alert_messages.c.channel_id == channel_id)
    if before is not None:
        query = query.where(alert_messages.c.id < before)
    if rigs is not None:
        query = query.where(alert_messages.c.alert_id.in_(of_rigs(tx, rigs)))
    return [_message(row) for row in await tx.execute(query)]


async def load_message(tx: AsyncConnection, message_id: int) -> Message | None:
    """One of them."""
    row = (await tx.execute(select(alert_messages).where(alert_messages.c.id == message_id))).one_or_none()
    return None if row is None else _message(row)


async def change_messages(tx: AsyncConnection, ids: Sequence[int], **values: object) -> None:
    """These messages are so from now on."""
    for some in portions(ids):
        await tx.execute(update(alert_messages).where(alert_messages.c.id.in_(some)).values(**values))


async def windows_changed(tx: AsyncConnection, now_ms: int) -> None:
    """What waits for the end of one is looked at again."""
    waits = (alert_messages.c.state == "waiting") & (alert_messages.c.answer == WINDOW)
    await tx.execute(update(alert_messages).where(waits).values(due_ms=now_ms))


async def use_link(tx: AsyncConnection, message_id: int, now_ms: int) -> bool:
    """Whether the link in this message was not used until now."""
    unused = (alert_messages.c.id == message_id) & alert_messages.c.link_used_ms.is_(None)
    return (await tx.execute(update(alert_messages).where(unused).values(link_used_ms=now_ms))).rowcount == 1


async def sent_since(tx: AsyncConnection, since_ms: int) -> list[tuple[int, int]]:
    """(channel, when) of what was sent since; several in one message have one time."""
    query = select(alert_messages.c.channel_id, alert_messages.c.sent_ms).distinct()
    found = await tx.execute(query.where(alert_messages.c.sent_ms >= since_ms))
    return [(row.channel_id, row.sent_ms) for row in found]


def _columns(form: ChannelForm) -> dict[str, object]:
    return {"name_key": name_key(form.name), "form": msgspec.json.encode(form).decode()}


def _taken(name: str) -> Conflict:
    return Conflict(f"There is already a channel named {name} (case is ignored): choose another.", field="name")


def _channel(row: Row[tuple[object, ...]]) -> Channel:
    return Channel(row.id, _form.decode(row.form), row.url, row.revision, row.updated_at)


def _message(row: Row[tuple[object, ...]]) -> Message:
    return Message(**{name: getattr(row, name) for name in Message.__struct_fields__})
