"""Commands that are given to so many rigs at once, with a pause between."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the pace of their batch to the commands; without one they are given all at once."""
    op.add_column("commands", sa.Column("at_once", sa.Integer, nullable=True))
    op.add_column("commands", sa.Column("pause_s", sa.Integer, nullable=True))
