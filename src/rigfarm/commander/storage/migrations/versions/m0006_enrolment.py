"""Keys with which a Sentry enrols rigs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "enrolment_keys",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_keys"),
        sa.UniqueConstraint("key_hash", name="uq_enrolment_keys_key_hash"),
        sqlite_autoincrement=True,
    )
