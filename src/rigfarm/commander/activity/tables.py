"""The activity: one row for each change, chained by hashes; and which things each is about."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from rigfarm.commander.storage import metadata, milliseconds

__all__ = ["activity", "activity_targets"]

activity = Table(
    "activity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    milliseconds("at"),
    Column("who_kind", String(16), nullable=False),
    Column("who", Text, nullable=False),
    Column("who_ref", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("result", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index(None, "at"),
)

activity_targets = Table(
    "activity_targets",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("target_id", Integer, primary_key=True, autoincrement=False),
    Column("entry_id", Integer, primary_key=True, autoincrement=False),
    Index(None, "entry_id"),
)
