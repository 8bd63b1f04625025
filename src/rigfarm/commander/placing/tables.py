"""Rules that place rigs, and which rigs they placed. `form` is `model.PlacingForm` as JSON; all of it is in memory."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["placed_rigs", "placing_rules"]

placing_rules = Table(
    "placing_rules",
    metadata,
    identity(),
    Column("name_key", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)

placed_rigs = Table(
    "placed_rigs",
    metadata,
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("rule_id", Integer, nullable=False),
    Column("place", String(120), nullable=False),
)
