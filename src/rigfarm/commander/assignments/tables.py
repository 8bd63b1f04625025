"""Which rig runs which playbook, and the rigs' own variables."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import metadata, milliseconds

__all__ = ["assignments", "playbook_rigs", "rig_variables"]

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
