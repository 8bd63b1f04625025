"""Updates of Sentries and how far they are."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["sentry_updates"]

sentry_updates = Table(
    "sentry_updates",
    metadata,
    identity(),
    Column("state", String(16), nullable=False),
    Column("plan", Text, nullable=False),
    Column("rigs", Text, nullable=False),
    Column("detail", Text, nullable=False),
    milliseconds("created_at"),
    milliseconds("finished_at", nullable=True),
    sqlite_autoincrement=True,
)
