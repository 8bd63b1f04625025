"""Rules that place rigs in the database, and which rigs they placed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Integer, Row, String, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.names import name_key
from rigfarm.commander.placing.model import PlacingForm, PlacingRule
from rigfarm.commander.placing.tables import placed_rigs, placing_rules
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.rigs.tables import rigs
from rigfarm.commander.storage import portions

__all__ = ["delete_rule", "insert_rule", "load_placed", "load_rules", "save_order", "save_placed", "save_rule", "taken"]

_form = msgspec.json.Decoder(PlacingForm)


async def load_rules(tx: AsyncConnection) -> list[PlacingRule]:
    """Every one, in their order."""
    found = await tx.execute(select(placing_rules).order_by(placing_rules.c.position, placing_rules.c.id))
    return [_rule(row) for row in found]


async def load_placed(tx: AsyncConnection) -> list[tuple[int, int, str]]:
    """(rig, rule, place) of every rig that a rule placed."""
    found = await tx.execute(select(placed_rigs.c.rig_id, placed_rigs.c.rule_id, placed_rigs.c.place))
    return [(row.rig_id, row.rule_id, row.place) for row in found]


async def insert_rule(tx: AsyncConnection, form: PlacingForm, position: int, now_ms: int) -> PlacingRule:
    """A new one; Conflict when the name is not distinct."""
    values = {**_columns(form), "position": position, "revision": 1, "created_at": now_ms, "updated_at": now_ms}
    try:
        done = await tx.execute(insert(placing_rules).values(**values).returning(placing_rules))
    except IntegrityError:
        raise taken(form.name) from None
    return _rule(done.one())


async def save_rule(tx: AsyncConnection, rule: PlacingRule, form: PlacingForm, now_ms: int) -> PlacingRule:
    """What the form says, as the next revision; Conflict when the name is not distinct."""
    values = {**_columns(form), "revision": rule.revision + 1, "updated_at": now_ms}
    change = update(placing_rules).where(placing_rules.c.id == rule.id).values(**values).returning(placing_rules)
    try:
        done = await tx.execute(change)
    except IntegrityError:
        raise taken(form.name) from None
    return _rule(done.one())


async def save_order(tx: AsyncConnection, rule_ids: Iterable[int]) -> None:
    """The order of all of them, at least one."""
    await tx.execute(
        update(placing_rules).where(placing_rules.c.id == bindparam("one")).values(position=bindparam("at")),
        [{"one": rule_id, "at": position} for position, rule_id in enumerate(rule_ids)],
    )


async def delete_rule(tx: AsyncConnection, rule_id: int) -> None:
    """It is gone; rigs keep their places."""
    await tx.execute(delete(placing_rules).where(placing_rules.c.id == rule_id))


async def save_placed(tx: AsyncConnection, placed: Sequence[tuple[int, int, str]]) -> None:
    """(rig, rule, place) of rigs that a rule placed; one that is gone is passed over."""
    gone = delete(placed_rigs).where(placed_rigs.c.rig_id == bindparam("one"))
    by, there = bindparam("by", type_=Integer), bindparam("there", type_=String)
    known = select(rigs.c.id, by, there).where(rigs.c.id == bindparam("one"))
    new = insert(placed_rigs).from_select(["rig_id", "rule_id", "place"], known)
    for some in portions(placed):
        rows = [{"one": rig_id, "by": rule_id, "there": place} for rig_id, rule_id, place in some]
        await tx.execute(gone, rows)
        await tx.execute(new, rows)


def taken(name: str) -> Conflict:
    """Another rule has the name."""
    return Conflict(f"A rule named {name} already exists (case is ignored): choose another name.", field="name")


def _columns(form: PlacingForm) -> dict[str, object]:
    return {"name_key": name_key(form.name), "form": msgspec.json.encode(form).decode()}


def _rule(row: Row[Any]) -> PlacingRule:
    return PlacingRule(row.id, _form.decode(row.form), row.revision, row.created_at, row.updated_at)
