"""Every table of the first release. What changes a table from then on is a step of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "rigs",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=True),
        sa.Column("specs", sa.Text, nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rigs"),
        sa.UniqueConstraint("name_key", name="uq_rigs_name_key"),
        sa.UniqueConstraint("token_hash", name="uq_rigs_token_hash"),
        sa.CheckConstraint("kind IN ('cpu-gpu', 'asic')", name="ck_rigs_kind"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tombstones",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_tombstones"),
    )
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_sessions"),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.UniqueConstraint("name_key", name="uq_addresses_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mining_software",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("version_key", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("kept", sa.Text, nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mining_software"),
        sa.UniqueConstraint("name_key", "version_key", name="uq_mining_software_name_key_version_key"),
        sqlite_autoincrement=True,
    )
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
    op.create_table(
        "commands",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("batch", sa.String(32), nullable=False),
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=True),
        sa.Column("finished_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
        sa.ForeignKeyConstraint(["rig_id"], ["rigs.id"], name="fk_commands_rig_id_rigs", ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'refused', 'failed')", name="ck_commands_state"),
    )
    op.create_index("ix_commands_rig_id_created_at", "commands", ["rig_id", "created_at"])
    op.create_index("ix_commands_created_at", "commands", ["created_at"])
    op.create_index("ix_commands_batch", "commands", ["batch"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("last_used_at", sa.BigInteger, nullable=True),
        sa.Column("last_used_from", sa.Text, nullable=True),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("name_key", name="uq_api_keys_name_key"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sqlite_autoincrement=True,
    )


def _of(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    """Rows that go with their owner."""
    name = f"fk_{table}_{column}_{owner}"
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")
