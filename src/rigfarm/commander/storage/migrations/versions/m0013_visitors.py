"""Logins that see everything and change nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Those of before are the owner's."""
    op.add_column("sessions", sa.Column("visitor", sa.Boolean, nullable=False, server_default=sa.false()))
