"""Saved views in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import name_key
from rigfarm.commander.views.model import View
from rigfarm.commander.views.tables import saved_views

__all__ = ["delete_view", "insert_view", "load_views", "save_view"]


async def load_views(tx: AsyncConnection) -> list[View]:
    """Every one."""
    return [_view(row) for row in await tx.execute(select(saved_views).order_by(saved_views.c.id))]


async def insert_view(tx: AsyncConnection, kind: KindName, name: str, search: str) -> View:
    """A new one."""
    values = {"kind": kind, "name_key": name_key(name), "name": name, "search": search, "revision": 1}
    return _view((await tx.execute(insert(saved_views).values(**values).returning(saved_views))).one())


async def save_view(tx: AsyncConnection, view: View, name: str, search: str) -> View:
    """Its next revision."""
    values = {"name_key": name_key(name), "name": name, "search": search, "revision": view.revision + 1}
    change = update(saved_views).where(saved_views.c.id == view.id).values(**values).returning(saved_views)
    return _view((await tx.execute(change)).one())


async def delete_view(tx: AsyncConnection, view_id: int) -> None:
    """It is gone."""
    await tx.execute(delete(saved_views).where(saved_views.c.id == view_id))


def _view(row: Row[Any]) -> View:
    return View(row.id, row.kind, row.name, row.search, row.revision)
