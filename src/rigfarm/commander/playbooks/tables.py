"""Playbooks with all their revisions."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["playbooks", "revisions"]

playbooks = Table(
    "playbooks",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)

revisions = Table(
    "playbook_revisions",
    metadata,
    Column("playbook_id", Integer, ForeignKey("playbooks.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    Column("note", Text, nullable=False),
    milliseconds("created_at"),
)
