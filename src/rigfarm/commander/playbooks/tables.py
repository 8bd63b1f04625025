"""Playbooks with all their revisions, which rig runs which, and roll-outs."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["assignments", "playbook_rigs", "playbooks", "revisions", "rig_variables", "rollouts"]

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

assignments = Table(
    "playbook_assignments",
    metadata,
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), primary_key=True),
    Column("playbook_id", Integer, ForeignKey("playbooks.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("wanted", String(8), nullable=False),
    Column("restart", Integer, nullable=False),
    milliseconds("assigned_at"),
    CheckConstraint("wanted IN ('running', 'stopped')", name="wanted"),
    Index(None, "playbook_id"),
)

playbook_rigs = Table(
    "playbook_rigs",
    metadata,
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)
"""When what a rig shall run last changed: rises with every change, so that an old backup never looks new to a rig."""

rig_variables = Table(
    "rig_variables",
    metadata,
    Column("rig_id", Integer, ForeignKey("rigs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

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
