"""Commands to rigs and what came of them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import metadata, milliseconds

__all__ = ["commands"]

commands = Table(
    "commands",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("batch", String(32), nullable=False),
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    milliseconds("created_at"),
    milliseconds("sent_at", nullable=True),
    milliseconds("finished_at", nullable=True),
    Column("at_once", Integer, nullable=True),
    Column("pause_s", Integer, nullable=True),
    Column("before", Text, nullable=True),
    CheckConstraint("state IN ('queued', 'running', 'done', 'refused', 'failed')", name="state"),
    Index(None, "rig_id", "created_at"),
    Index(None, "created_at"),
    Index(None, "batch"),
)
