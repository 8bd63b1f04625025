"""What rules did, in the database."""

from __future__ import annotations

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts.automation.model import Act
from rigfarm.commander.alerts.tables import alert_actions, alerts
from rigfarm.commander.commands.model import ENDED

__all__ = ["insert_act", "load_acted", "load_acts", "load_since", "load_unended", "save_act"]


async def insert_act(tx: AsyncConnection, act: Act) -> int:
    """A new one; IntegrityError where the rule did something to this rig because of this alert before."""
    values = {name: getattr(act, name) for name in Act.__struct_fields__ if name != "id"}
    return int((await tx.execute(insert(alert_actions).values(**values).returning(alert_actions.c.id))).scalar_one())


async def save_act(tx: AsyncConnection, act: Act) -> None:
    """What came of it."""
    values = {"state": act.state, "detail": act.detail, "command_id": act.command_id}
    await tx.execute(update(alert_actions).where(alert_actions.c.id == act.id).values(**values))


async def load_acts(tx: AsyncConnection, alert_id: int, limit: int) -> list[Act]:
    """Those of an alert, newest first."""
    query = select(alert_actions).where(alert_actions.c.alert_id == alert_id).order_by(alert_actions.c.id.desc())
    return [_act(row) for row in await tx.execute(query.limit(limit))]


async def load_acted(tx: AsyncConnection) -> set[tuple[int, int]]:
    """(alert, rig) of those that belong to alerts that are not resolved."""
    of_open = select(alerts.c.id).where(alerts.c.state != "resolved")
    query = select(alert_actions.c.alert_id, alert_actions.c.rig_id).where(alert_actions.c.alert_id.in_(of_open))
    return {(row.alert_id, row.rig_id) for row in await tx.execute(query)}


async def load_since(tx: AsyncConnection, since_ms: int) -> list[Act]:
    """The latest, oldest first."""
    query = select(alert_actions).where(alert_actions.c.at_ms > since_ms).order_by(alert_actions.c.at_ms)
    return [_act(row) for row in await tx.execute(query)]


async def load_unended(tx: AsyncConnection) -> list[Act]:
    """Those whose result is not known."""
    query = select(alert_actions).where(alert_actions.c.state.not_in(sorted(ENDED)))
    return [_act(row) for row in await tx.execute(query)]


def _act(row: Row[tuple[object, ...]]) -> Act:
    return Act(**{name: getattr(row, name) for name in Act.__struct_fields__})
