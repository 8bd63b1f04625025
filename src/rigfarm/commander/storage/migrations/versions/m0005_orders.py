"""Orders to rigs and what came of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "orders",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("batch", sa.String(32), nullable=False),
        sa.Column("rig_id", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=True),
        sa.Column("finished_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(["rig_id"], ["rigs.id"], name="fk_orders_rig_id_rigs", ondelete="CASCADE"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'refused', 'failed')", name="ck_orders_state"),
    )
    op.create_index("ix_orders_rig_id_created_at", "orders", ["rig_id", "created_at"])
    op.create_index("ix_orders_created_at", "orders", ["created_at"])
