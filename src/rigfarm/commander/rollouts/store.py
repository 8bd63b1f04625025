"""Roll-outs in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.rollouts.model import ENDED, Progress, Rollout, RolloutPlan
from rigfarm.commander.rollouts.tables import rollouts

__all__ = ["insert_rollout", "load_active", "load_rollout", "load_rollouts", "save_rollout"]

_plan = msgspec.json.Decoder(RolloutPlan)
_progress = msgspec.json.Decoder(Progress)


async def load_active(tx: AsyncConnection) -> list[Rollout]:
    """Those that have not ended."""
    found = await tx.execute(select(rollouts).where(rollouts.c.state.not_in(sorted(ENDED))).order_by(rollouts.c.id))
    return [_rollout(row) for row in found]


async def load_rollouts(
    tx: AsyncConnection, playbook_id: int | None, limit: int, before: int | None = None
) -> list[Rollout]:
    """The latest, of a playbook or of all; `before` pages on."""
    query = select(rollouts).order_by(rollouts.c.id.desc()).limit(limit)
    if playbook_id is not None:
        query = query.where(rollouts.c.playbook_id == playbook_id)
    if before is not None:
        query = query.where(rollouts.c.id < before)
    return [_rollout(row) for row in await tx.execute(query)]


async def load_rollout(tx: AsyncConnection, rollout_id: int) -> Rollout | None:
    """One of them."""
    row = (await tx.execute(select(rollouts).where(rollouts.c.id == rollout_id))).one_or_none()
    return None if row is None else _rollout(row)


async def insert_rollout(tx: AsyncConnection, playbook_id: int, plan: RolloutPlan, now_ms: int) -> Rollout:
    """A new one, about to begin."""
    progress = Progress()
    row = {
        "playbook_id": playbook_id,
        "state": "applying",
        "plan": msgspec.json.encode(plan).decode(),
        "progress": msgspec.json.encode(progress).decode(),
        "detail": "",
        "created_at": now_ms,
    }
    done = await tx.execute(insert(rollouts).values(**row).returning(rollouts.c.id))
    return Rollout(done.scalar_one(), playbook_id, "applying", plan, progress, "", now_ms)


async def save_rollout(tx: AsyncConnection, rollout: Rollout) -> None:
    """Where it stands."""
    row = {
        "state": rollout.state,
        "progress": msgspec.json.encode(rollout.progress).decode(),
        "detail": rollout.detail,
        "finished_at": rollout.finished_at,
    }
    await tx.execute(update(rollouts).where(rollouts.c.id == rollout.id).values(**row))


def _rollout(row: Row[tuple[object, ...]]) -> Rollout:
    return Rollout(
        row.id,
        row.playbook_id,
        row.state,
        _plan.decode(row.plan),
        _progress.decode(row.progress),
        row.detail,
        row.created_at,
        row.finished_at,
    )
