"""The address book: pools and wallets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
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
