"""Saved views. All of them are in memory."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from rigfarm.commander.storage import identity, metadata

__all__ = ["saved_views"]

saved_views = Table(
    "saved_views",
    metadata,
    identity(),
    Column("kind", String(16), nullable=False),
    Column("name_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("kind", "name_key"),
    sqlite_autoincrement=True,
)
