"""What alert rules did by themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "alert_actions",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("alert_id", sa.Integer, nullable=False),
        sa.Column("rule_id", sa.Integer, nullable=False),
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("rig_name", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("command_id", sa.String(32), nullable=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_actions"),
        sa.UniqueConstraint("alert_id", "rig_id", name="uq_alert_actions_alert_id_rig_id"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name="fk_alert_actions_alert_id_alerts", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_actions_at_ms", "alert_actions", ["at_ms"])
    op.create_index("ix_alert_actions_state", "alert_actions", ["state"])
