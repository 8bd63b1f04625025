"""The address book."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["addresses"]

addresses = Table(
    "addresses",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("coin", String(16), nullable=False),
    Column("urls", Text, nullable=False),
    Column("wallet", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    CheckConstraint("kind IN ('pool', 'wallet')", name="kind"),
    sqlite_autoincrement=True,
)
