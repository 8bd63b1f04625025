"""Rules and alerts in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Row, Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.engine.rule import RuleForm
from rigfarm.commander.alerts.model import Alert, Member
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.tables import alert_members, alert_rules, alerts
from rigfarm.commander.storage import among, portions

__all__ = [
    "StoredRule",
    "delete_rule",
    "insert_rule",
    "load_alert",
    "load_alerts",
    "load_members",
    "load_open",
    "load_rules",
    "of_rigs",
    "prune",
    "save_alert",
    "save_changes",
    "save_rule",
]

_alert = msgspec.json.Decoder(Alert)


class StoredRule(Struct, frozen=True):
    """One rule of this farm."""

    id: int
    kind: str
    form: RuleForm
    revision: int
    updated_ms: int


# Rules


async def load_rules(tx: AsyncConnection) -> list[StoredRule]:
    """Every one, of kinds that this version has."""
    found = await tx.execute(select(alert_rules).order_by(alert_rules.c.id))
    return [_rule(row) for row in found if row.kind in rules()]


async def insert_rule(tx: AsyncConnection, kind: str, form: RuleForm, now_ms: int) -> StoredRule:
    """A new one."""
    values = {"kind": kind, "form": _json(form), "revision": 1, "updated_at": now_ms}
    return _rule((await tx.execute(insert(alert_rules).values(**values).returning(alert_rules))).one())


async def save_rule(tx: AsyncConnection, rule: StoredRule, form: RuleForm, now_ms: int) -> StoredRule:
    """What the form says, as its next revision."""
    values = {"form": _json(form), "revision": rule.revision + 1, "updated_at": now_ms}
    change = update(alert_rules).where(alert_rules.c.id == rule.id).values(**values).returning(alert_rules)
    return _rule((await tx.execute(change)).one())


async def delete_rule(tx: AsyncConnection, rule_id: int) -> None:
    """It is gone; its alerts stay in the history."""
    await tx.execute(delete(alert_rules).where(alert_rules.c.id == rule_id))


# Alerts


async def load_open(tx: AsyncConnection) -> tuple[list[Alert], list[Member]]:
    """Alerts that are not resolved, with all their members; and what was pending."""
    found = await tx.execute(select(alerts).where(alerts.c.state != "resolved").order_by(alerts.c.id))
    opened = [_read(row) for row in found]
    of_open = select(alerts.c.id).where(alerts.c.state != "resolved")
    query = select(alert_members).where((alert_members.c.alert_id.in_(of_open)) | (alert_members.c.state == "pending"))
    return opened, [_member(row) for row in await tx.execute(query.order_by(alert_members.c.id))]


async def save_changes(tx: AsyncConnection, changes: Changes, in_alert: Sequence[tuple[Member, Alert]]) -> None:
    """What began, fired and ended; new alerts and members get their ids. `in_alert`: the alert of each that fired."""
    if changes.alerts:
        ids = await _insert(tx, alerts, [_alert_row(one) for one in changes.alerts])
        for one, alert_id in zip(changes.alerts, ids, strict=True):
            one.id = alert_id
    for member, alert in in_alert:
        member.alert_id = alert.id
    new = dict.fromkeys(one for one in (*changes.pending, *changes.fired) if not one.id)
    old = dict.fromkeys(one for one in (*changes.fired, *changes.ended) if one.id)
    for member, member_id in zip(new, await _insert(tx, alert_members, [_row(one) for one in new]), strict=True):
        member.id = member_id
    await _update(tx, list(old))
    for gone in portions(one.id for one in changes.dropped):
        await tx.execute(delete(alert_members).where(alert_members.c.id.in_(gone)))
    altered = (*changes.alerts, *changes.changed, *changes.resolved, *changes.woken, *changes.escalated)
    rows = [{"key": one.id, **_alert_row(one)} for one in dict.fromkeys(altered)]  # new ones know their id only now
    if rows:
        names = [name for name in rows[0] if name != "key"]
        change = update(alerts).where(alerts.c.id == bindparam("key")).values({name: bindparam(name) for name in names})
        for some in portions(rows):
            await tx.execute(change, some)


async def save_alert(tx: AsyncConnection, alert: Alert) -> None:
    """How it is now."""
    await tx.execute(update(alerts).where(alerts.c.id == alert.id).values(**_alert_row(alert)))


async def _insert(tx: AsyncConnection, table: Table, rows: list[dict[str, object]]) -> Sequence[int]:
    """New rows; returns their ids, in their order. A statement that returns ids takes one row at a time, too slow when
    5,000 rigs fail at once. Nothing else inserts into these tables, so all newer ids are those of these rows."""
    if not rows:
        return ()
    last = await tx.scalar(select(func.max(table.c.id))) or 0
    for some in portions(rows):
        await tx.execute(insert(table), some)
    return (await tx.scalars(select(table.c.id).where(table.c.id > last).order_by(table.c.id))).all()


async def _update(tx: AsyncConnection, old: list[Member]) -> None:
    if not old:
        return
    names = ("state", "text", "value", "alert_id", "fired_ms", "ended_ms", "ending")
    change = update(alert_members).where(alert_members.c.id == bindparam("key"))
    rows = [{"key": one.id, **{name: getattr(one, name) for name in names}} for one in old]
    for some in portions(rows):
        await tx.execute(change.values({name: bindparam(name) for name in names}), some)


async def load_alert(tx: AsyncConnection, alert_id: int) -> Alert | None:
    """One of them."""
    row = (await tx.execute(select(alerts).where(alerts.c.id == alert_id))).one_or_none()
    return None if row is None else _read(row)


async def load_alerts(
    tx: AsyncConnection,
    limit: int,
    *,
    before: int | None = None,
    resolved: bool | None = None,
    rule_id: int | None = None,
    rigs: Collection[int] | None = None,
) -> list[Alert]:
    """The latest, newest first; `rigs`: only those that one of these is or was in."""
    query = select(alerts).order_by(alerts.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(alerts.c.id < before)
    if resolved is not None:
        query = query.where(alerts.c.state == "resolved" if resolved else alerts.c.state != "resolved")
    if rule_id is not None:
        query = query.where(alerts.c.rule_id == rule_id)
    if rigs is not None:
        query = query.where(alerts.c.id.in_(of_rigs(tx, rigs)))
    return [_read(row) for row in await tx.execute(query)]


def of_rigs(tx: AsyncConnection, rigs: Collection[int]) -> Select[tuple[int]]:
    """Ids of alerts that one of these rigs is or was in."""
    return select(alert_members.c.alert_id).where(among(tx, alert_members.c.rig_id, rigs))


async def load_members(tx: AsyncConnection, alert_id: int, limit: int) -> list[Member]:
    """Those in trouble first."""
    query = select(alert_members).where(alert_members.c.alert_id == alert_id)
    ordered = query.order_by(alert_members.c.state.desc(), alert_members.c.id).limit(limit)
    return [_member(row) for row in await tx.execute(ordered)]


async def prune(tx: AsyncConnection, before_ms: int, most: int) -> None:
    """Forget what was resolved before, and what there are too many of; with members and messages."""
    old = (alerts.c.state == "resolved") & (alerts.c.ended_ms < before_ms)
    await tx.execute(delete(alerts).where(old))
    newest = await tx.scalar(select(func.max(alerts.c.id)))
    if newest is not None:
        await tx.execute(delete(alerts).where(alerts.c.state == "resolved", alerts.c.id <= newest - most))


def _rule(row: Row[tuple[object, ...]]) -> StoredRule:
    form = msgspec.json.decode(row.form, type=rules()[row.kind].form)
    return StoredRule(row.id, row.kind, form, row.revision, row.updated_at)


def _alert_row(alert: Alert) -> dict[str, object]:
    return {
        "rule_id": alert.rule_id,
        "state": alert.state,
        "started_ms": alert.started_ms,
        "ended_ms": alert.ended_ms,
        "body": _json(alert),
    }


def _read(row: Row[tuple[object, ...]]) -> Alert:
    found = _alert.decode(row.body)
    found.id = row.id
    return found


def _row(member: Member) -> dict[str, object]:
    return {name: getattr(member, name) for name in Member.__struct_fields__ if name != "id"}


def _member(row: Row[tuple[object, ...]]) -> Member:
    return Member(**{name: getattr(row, name) for name in Member.__struct_fields__})


def _json(form: Iterable[object] | Struct) -> str:
    return msgspec.json.encode(form).decode()
