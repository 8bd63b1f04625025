"""Roll-outs and how far they are."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["rollouts"]

rollouts = Table(
    "rollouts",
    metadata,
    identity(),
    Column("playbook_id", Integer, ForeignKey("playbooks.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("plan", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("detail", Text, nullable=False),
    milliseconds("created_at"),
    milliseconds("finished_at", nullable=True),
    Index(None, "playbook_id"),
    sqlite_autoincrement=True,
)
