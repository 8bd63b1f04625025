"""Alert rules, alerts, channels and what is sent to them, maintenance windows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("rule_id", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_state", "alerts", ["state"])
    op.create_index("ix_alerts_ended_ms", "alerts", ["ended_ms"])
    op.create_table(
        "alert_members",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("rule_id", sa.Integer, nullable=False),
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("rig_name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("value", sa.Float, nullable=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("alert_id", sa.Integer, nullable=True),
        sa.Column("fired_ms", sa.BigInteger, nullable=True),
        sa.Column("ended_ms", sa.BigInteger, nullable=True),
        sa.Column("ending", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_members"),
        _of("alert_members", "alert_id", "alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_members_alert_id", "alert_members", ["alert_id"])
    op.create_index("ix_alert_members_state", "alert_members", ["state"])
    op.create_index("ix_alert_members_rig_id_ended_ms", "alert_members", ["rig_id", "ended_ms"])
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_channels"),
        sa.UniqueConstraint("name_key", name="uq_alert_channels_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert_messages",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("alert_id", sa.Integer, nullable=False),
        sa.Column("channel_id", sa.Integer, nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=True),
        sa.Column("link_used_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert_messages"),
        sa.UniqueConstraint("alert_id", "channel_id", "what", name="uq_alert_messages_alert_id_channel_id_what"),
        _of("alert_messages", "alert_id", "alerts"),
        _of("alert_messages", "channel_id", "alert_channels"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_messages_channel_id_sent_ms", "alert_messages", ["channel_id", "sent_ms"])
    op.create_index("ix_alert_messages_state", "alert_messages", ["state"])
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_windows"),
        sqlite_autoincrement=True,
    )


def _of(table: str, column: str, owner: str) -> sa.ForeignKeyConstraint:
    """Rows that go with their owner."""
    name = f"fk_{table}_{column}_{owner}"
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")
