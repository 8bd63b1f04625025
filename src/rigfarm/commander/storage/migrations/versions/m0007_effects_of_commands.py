"""Whether commands and playbooks took effect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what a rig did before a command, and the checks of what it did afterwards."""
    op.add_column("commands", sa.Column("before", sa.Text, nullable=True))
    op.create_table(
        "effects",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("rig_id", sa.Integer, sa.ForeignKey("rigs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("command_id", sa.String(32), sa.ForeignKey("commands.id", ondelete="CASCADE"), unique=True),
        sa.Column("playbook_id", sa.Integer, sa.ForeignKey("playbooks.id", ondelete="CASCADE")),
        sa.Column("batch", sa.String(32)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("device", sa.String(128), nullable=False),
        sa.Column("firmware", sa.String(128), nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger),
        sa.Column("checks", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.CheckConstraint("verdict IN ('took-effect', 'no-effect', 'reverted', 'not-measurable')", name="verdict"),
        sqlite_autoincrement=True,
    )
    for columns in (["rig_id"], ["playbook_id"], ["batch"], ["began_ms"], ["due_ms"], ["kind", "device", "firmware"]):
        op.create_index(f"ix_effects_{'_'.join(columns)}", "effects", columns)
