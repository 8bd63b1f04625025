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
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("version_key", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("lan", sa.Boolean, nullable=False),
        sa.Column("expected_sha256", sa.String(64), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("size", sa.BigInteger, nullable=True),
        sa.Column("format", sa.String(16), nullable=True),
        sa.Column("executable", sa.Text, nullable=False),
        sa.Column("adapter", sa.String(64), nullable=False),
        sa.Column("api_arguments", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("devices", sa.String(8), nullable=False),
        sa.Column("dual", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mining_software"),
        sa.UniqueConstraint("name_key", "version_key", name="uq_mining_software_name_key_version_key"),
        sqlite_autoincrement=True,
    )
