"""Schedules and messages of reports in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.reports.schedule.model import Due, ReportMessage, Schedule, ScheduleForm
from rigfarm.commander.reports.tables import report_messages, report_schedules

__all__ = [
    "change_message",
    "delete_schedule",
    "insert_message",
    "insert_schedule",
    "load_messages",
    "load_open",
    "load_schedules",
    "prune_messages",
    "save_schedule",
]

_form = msgspec.json.Decoder(ScheduleForm)
_OPEN = ("waiting", "sending")


async def load_schedules(tx: AsyncConnection) -> list[Schedule]:
    """Every one."""
    return [_schedule(row) for row in await tx.execute(select(report_schedules).order_by(report_schedules.c.id))]


async def insert_schedule(tx: AsyncConnection, form: ScheduleForm, now_ms: int) -> Schedule:
    """A new one."""
    values = {"form": msgspec.json.encode(form).decode(), "revision": 1, "since_ms": now_ms}
    return _schedule((await tx.execute(insert(report_schedules).values(**values).returning(report_schedules))).one())


async def save_schedule(tx: AsyncConnection, old: Schedule, form: ScheduleForm, now_ms: int) -> Schedule:
    """What the form says, as the next revision."""
    values = {"form": msgspec.json.encode(form).decode(), "revision": old.revision + 1, "since_ms": now_ms}
    change = update(report_schedules).where(report_schedules.c.id == old.id).values(**values)
    return _schedule((await tx.execute(change.returning(report_schedules))).one())


async def delete_schedule(tx: AsyncConnection, schedule_id: int) -> None:
    """It is gone, with its messages."""
    await tx.execute(delete(report_messages).where(report_messages.c.schedule_id == schedule_id))
    await tx.execute(delete(report_schedules).where(report_schedules.c.id == schedule_id))


async def insert_message(tx: AsyncConnection, schedule_id: int, due: Due, now_ms: int) -> bool:
    """A report that is to be sent; False where there is one of these days already."""
    days = {"schedule_id": schedule_id, "first": str(due.period.first), "last": str(due.period.last)}
    same = select(report_messages.c.id).where(*(report_messages.c[name] == value for name, value in days.items()))
    if (await tx.execute(same)).first() is not None:
        return False
    values = {**days, "state": "waiting", "attempts": 0, "answer": "", "created_ms": now_ms, "due_ms": due.at_ms}
    await tx.execute(insert(report_messages).values(**values))
    return True


async def load_open(tx: AsyncConnection) -> list[ReportMessage]:
    """Those that are not done, oldest first."""
    query = select(report_messages).where(report_messages.c.state.in_(_OPEN)).order_by(report_messages.c.id)
    return [_message(row) for row in await tx.execute(query)]


async def load_messages(tx: AsyncConnection, limit: int, before: int | None = None) -> list[ReportMessage]:
    """The latest, newest first; `before`: with a smaller number."""
    query = select(report_messages).order_by(report_messages.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(report_messages.c.id < before)
    return [_message(row) for row in await tx.execute(query)]


async def change_message(tx: AsyncConnection, message_id: int, **values: object) -> None:
    """It is so from now on."""
    await tx.execute(update(report_messages).where(report_messages.c.id == message_id).values(**values))


async def prune_messages(tx: AsyncConnection, before_ms: int) -> None:
    """Delete old ones that are done."""
    old = (report_messages.c.created_ms < before_ms) & report_messages.c.state.not_in(_OPEN)
    await tx.execute(delete(report_messages).where(old))


def _schedule(row: Row[tuple[object, ...]]) -> Schedule:
    return Schedule(id=row.id, form=_form.decode(row.form), revision=row.revision, since_ms=row.since_ms)


def _message(row: Row[tuple[object, ...]]) -> ReportMessage:
    return ReportMessage(**row._mapping)
