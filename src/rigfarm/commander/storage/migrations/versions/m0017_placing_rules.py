"""Rules that place rigs, and which rigs they placed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "placing_rules",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_placing_rules"),
        sa.UniqueConstraint("name_key", name="uq_placing_rules_name_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "placed_rigs",
        sa.Column("rig_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("rule_id", sa.Integer, nullable=False),
        sa.Column("place", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("rig_id", name="pk_placed_rigs"),
        sa.ForeignKeyConstraint(["rig_id"], ["rigs.id"], name="fk_placed_rigs_rig_id_rigs", ondelete="CASCADE"),
    )
