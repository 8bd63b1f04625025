"""The settings of reports in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.reports.model import ReportSettings
from rigfarm.commander.storage import get_meta, set_meta

__all__ = ["load_settings", "save_settings"]

_KEY = "reports"


async def load_settings(tx: AsyncConnection) -> ReportSettings:
    """What was saved last."""
    text = await get_meta(tx, _KEY)
    return ReportSettings() if text is None else msgspec.json.decode(text, type=ReportSettings)


async def save_settings(tx: AsyncConnection, settings: ReportSettings) -> None:
    """Keep these instead."""
    await set_meta(tx, _KEY, msgspec.json.encode(settings).decode())
