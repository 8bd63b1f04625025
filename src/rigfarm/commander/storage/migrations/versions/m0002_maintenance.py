"""Rigs in maintenance, and those that wait for their new token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add both to the rigs."""
    op.add_column("rigs", sa.Column("token_due", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("rigs", sa.Column("maintenance", sa.Text, nullable=True))
