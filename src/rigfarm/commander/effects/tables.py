"""Commands and playbooks whose effect is checked, and what came of the checks."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["effects"]

effects = Table(
    "effects",
    metadata,
    identity(),
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), nullable=False),
    Column("command_id", String(32), ForeignKey("commands.id", ondelete="CASCADE"), unique=True),
    Column("playbook_id", Integer, ForeignKey("playbooks.id", ondelete="CASCADE")),
    Column("batch", String(32)),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("device", String(128), nullable=False),
    Column("firmware", String(128), nullable=False),
    milliseconds("since_ms"),
    milliseconds("began_ms"),
    milliseconds("due_ms", nullable=True),
    Column("checks", Text, nullable=False),
    Column("verdict", String(16)),
    Column("words", Text, nullable=False),
    Column("current", Boolean, nullable=False),
    CheckConstraint("verdict IN ('took-effect', 'no-effect', 'reverted', 'not-measurable')", name="verdict"),
    Index(None, "rig_id"),
    Index(None, "playbook_id"),
    Index(None, "batch"),
    Index(None, "began_ms"),
    Index(None, "due_ms"),
    Index(None, "kind", "device", "firmware"),
    sqlite_autoincrement=True,
)
"""`current`: no newer command about the same was given to the rig."""
