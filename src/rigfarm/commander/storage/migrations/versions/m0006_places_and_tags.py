"""Where rigs are, and their tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add both to the rigs."""
    op.add_column("rigs", sa.Column("place", sa.String(120), nullable=True))
    op.add_column("rigs", sa.Column("tags", sa.Text, nullable=True))
