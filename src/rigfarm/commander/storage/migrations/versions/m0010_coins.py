"""Prices, rates and payouts of coins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "coin_values",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("coin", sa.String(32), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("amount", sa.Float, nullable=False),
        sa.Column("per", sa.String(8), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_coin_values"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_coin_values_at_ms", "coin_values", ["at_ms"])
    op.create_table(
        "coin_sources",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("tried_ms", sa.BigInteger, nullable=True),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_coin_sources"),
        sqlite_autoincrement=True,
    )
