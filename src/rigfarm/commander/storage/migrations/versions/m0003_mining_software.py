"""Mining programs with their pinned archives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
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
