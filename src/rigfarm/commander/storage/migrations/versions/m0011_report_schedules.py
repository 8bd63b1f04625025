"""Reports that are sent on a schedule."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "report_schedules",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report_schedules"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "report_messages",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("schedule_id", sa.Integer, nullable=False),
        sa.Column("first", sa.String(10), nullable=False),
        sa.Column("last", sa.String(10), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_report_messages"),
        sa.UniqueConstraint("schedule_id", "first", "last", name="uq_report_messages_schedule_id_first_last"),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["report_schedules.id"],
            name="fk_report_messages_schedule_id_report_schedules",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_messages_state", "report_messages", ["state"])
