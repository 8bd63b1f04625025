"""Playbooks with all their revisions, which rig runs which, variables of rigs, roll-outs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "playbooks",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_playbooks"),
        sa.UniqueConstraint("name_key", name="uq_playbooks_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "playbook_revisions",
        sa.Column("playbook_id", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("playbook_id", "revision", name="pk_playbook_revisions"),
        _of("playbook_revisions", "playbook_id", "playbooks"),
    )
    op.create_table(
        "playbook_assignments",
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("playbook_id", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("wanted", sa.String(8), nullable=False),
        sa.Column("restart", sa.Integer, nullable=False),
        sa.Column("assigned_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("rig_id", "playbook_id", name="pk_playbook_assignments"),
        _of("playbook_assignments", "rig_id", "rigs"),
        _of("playbook_assignments", "playbook_id", "playbooks"),
        sa.CheckConstraint("wanted IN ('running', 'stopped')", name="ck_playbook_assignments_wanted"),
    )
    op.create_index("ix_playbook_assignments_playbook_id", "playbook_assignments", ["playbook_id"])
    op.create_table(
        "playbook_rigs",
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("rig_id", name="pk_playbook_rigs"),
        _of("playbook_rigs", "rig_id", "rigs"),
    )
    op.create_table(
        "rig_variables",
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rig_id", "name", name="pk_rig_variables"),
        _of("rig_variables", "rig_id", "rigs"),
    )
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("playbook_id", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
        _of("rollouts", "playbook_id", "playbooks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rollouts_playbook_id", "rollouts", ["playbook_id"])


def _of(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    """Rows that go with their owner."""
    name = f"fk_{table}_{column}_{owner}"
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")
