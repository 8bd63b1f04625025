"""Watches in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, case, delete, func, insert, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.effects import model
from rigfarm.commander.effects.model import BAD, Before, Cause, Check, Counted, Runs, Verdict, Watch, kind_of
from rigfarm.commander.effects.tables import effects
from rigfarm.commander.storage import portions

__all__ = [
    "Tally",
    "count_batch",
    "count_latest",
    "insert_watches",
    "load_commands",
    "load_last_id",
    "load_open",
    "load_tallies",
    "load_worst",
    "prune",
    "save_watches",
    "supersede",
]

_cause: msgspec.json.Decoder[Cause] = msgspec.json.Decoder(Cause)
_before = msgspec.json.Decoder(Before)
_checks = msgspec.json.Decoder(tuple[Check, ...])
MAX_TALLIES = 2_000


class Tally(NamedTuple):
    """How often a kind of command had a verdict on a model with a firmware."""

    kind: str
    device: str
    firmware: str
    verdict: Verdict
    times: int


async def load_last_id(tx: AsyncConnection) -> int:
    """The highest there is."""
    return (await tx.execute(select(func.max(effects.c.id)))).scalar() or 0


async def insert_watches(tx: AsyncConnection, new: Sequence[Watch]) -> None:
    """Store new ones."""
    if not new:
        return
    rows = [
        {
            "id": one.id,
            "rig_id": one.rig_id,
            "command_id": one.command_id,
            "playbook_id": one.cause.playbook_id if isinstance(one.cause, Runs) else None,
            "batch": one.batch,
            "kind": kind_of(one.cause),
            "body": msgspec.json.encode(one.cause).decode(),
            "before": msgspec.json.encode(one.before).decode(),
            "device": one.device,
            "firmware": one.firmware,
            "since_ms": one.since_ms,
            "began_ms": one.began_ms,
            "due_ms": one.due_ms,
            "checks": "[]",
            "words": "",
            "current": True,
        }
        for one in new
    ]
    await tx.execute(insert(effects), rows)


async def save_watches(tx: AsyncConnection, changed: Sequence[Watch]) -> None:
    """Where they stand after a check; of one that was superseded meanwhile nothing is written."""
    if not changed:
        return
    rows = [
        {
            "key": one.id,
            "due_ms": one.due_ms,
            "checks": msgspec.json.encode(one.checks).decode(),
            "verdict": one.verdict,
            "words": one.words,
        }
        for one in changed
    ]
    names = ("due_ms", "checks", "verdict", "words")
    current = effects.c.current & (effects.c.id == bindparam("key"))
    await tx.execute(update(effects).where(current).values({name: bindparam(name) for name in names}), rows)


async def supersede(tx: AsyncConnection, ids: Iterable[int]) -> None:
    """These are checked no more: a newer command is about the same."""
    for some in portions(ids):
        await tx.execute(update(effects).where(effects.c.id.in_(some)).values(due_ms=None, current=False))


async def load_open(tx: AsyncConnection, since_ms: int) -> list[Watch]:
    """Those that are still checked, or have been bad since then; oldest first."""
    bad = effects.c.verdict.in_(sorted(BAD)) & effects.c.current & (effects.c.began_ms >= since_ms)
    query = select(effects).where(or_(effects.c.due_ms.is_not(None), bad)).order_by(effects.c.id)
    return [_watch(row) for row in await tx.execute(query)]


async def load_commands(tx: AsyncConnection, command_ids: Iterable[str]) -> dict[str, Watch]:
    """Those of these commands."""
    found: dict[str, Watch] = {}
    for some in portions(command_ids):
        for row in await tx.execute(select(effects).where(effects.c.command_id.in_(some))):
            found[row.command_id] = _watch(row)
    return found


async def count_batch(tx: AsyncConnection, batch: str) -> dict[Counted, int]:
    """How many of one click have which verdict; None: not checked yet."""
    word = case((_early(), "early"), else_=effects.c.verdict).label("word")
    own = select(word).where(effects.c.batch == batch).subquery()
    query = select(own.c.word, func.count()).group_by(own.c.word)
    return {cast("Counted", word): count for word, count in await tx.execute(query)}


async def load_worst(tx: AsyncConnection, batch: str, limit: int) -> list[str]:
    """Commands of one click that were reverted, or had no effect: these first."""
    query = select(effects.c.command_id).where(effects.c.batch == batch, effects.c.verdict.in_(sorted(BAD)))
    found = await tx.execute(query.order_by(effects.c.verdict.desc(), effects.c.rig_id).limit(limit))
    return [command_id for command_id in found.scalars() if command_id is not None]


async def load_tallies(tx: AsyncConnection) -> list[Tally]:
    """By kind, model, firmware and verdict."""
    columns = (effects.c.kind, effects.c.device, effects.c.firmware, effects.c.verdict)
    known = effects.c.verdict.is_not(None) & not_(_early())
    query = select(*columns, func.count()).where(known).group_by(*columns).order_by(*columns)
    return [_tally(row) for row in await tx.execute(query.limit(MAX_TALLIES))]


async def count_latest(tx: AsyncConnection, kind: str, devices: Collection[str]) -> list[Tally]:
    """What came of the latest command of this kind on each rig of these models, as far as it could be measured."""
    newest = select(func.max(effects.c.id)).where(
        effects.c.kind == kind,
        effects.c.device.in_(sorted(devices)),
        effects.c.verdict.is_not(None),
        effects.c.verdict != "not-measurable",
        not_(_early()),
    )
    latest = newest.group_by(effects.c.rig_id, effects.c.firmware)
    columns = (effects.c.kind, effects.c.device, effects.c.firmware, effects.c.verdict)
    query = select(*columns, func.count()).where(effects.c.id.in_(latest)).group_by(*columns).order_by(*columns)
    return [_tally(row) for row in await tx.execute(query)]


async def prune(tx: AsyncConnection, before_ms: int) -> None:
    """Forget old ones that are checked no more."""
    await tx.execute(delete(effects).where(effects.c.began_ms < before_ms, effects.c.due_ms.is_(None)))


def _early() -> ColumnElement[bool]:
    """Only the first check was made, and what has no effect yet may need more time."""
    second_ms = model.OFFSETS_S[1] * 1000
    waits = effects.c.due_ms.is_not(None) & (effects.c.due_ms - effects.c.began_ms <= second_ms)
    return (effects.c.verdict == "no-effect") & waits


def _tally(row: Row[Any]) -> Tally:
    kind, device, firmware, verdict, times = tuple(row)
    return Tally(kind, device, firmware, verdict, times)


def _watch(row: Row[Any]) -> Watch:
    return Watch(
        id=row.id,
        rig_id=row.rig_id,
        command_id=row.command_id,
        batch=row.batch,
        cause=_cause.decode(row.body),
        before=_before.decode(row.before),
        device=row.device,
        firmware=row.firmware,
        since_ms=row.since_ms,
        began_ms=row.began_ms,
        due_ms=row.due_ms,
        checks=_checks.decode(row.checks),
        verdict=row.verdict,
        words=row.words,
    )
