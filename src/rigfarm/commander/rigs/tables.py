"""Rigs, and the tombstones of removed ones."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, String, Table, Text, false

from rigfarm.commander.storage import digest, identity, metadata, milliseconds

__all__ = ["rigs", "tombstones"]

rigs = Table(
    "rigs",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    digest("token_hash", unique=True),
    milliseconds("created_at"),
    milliseconds("first_seen_at", nullable=True),
    Column("specs", Text),
    Column("revision", Integer, nullable=False),
    Column("token_due", Boolean, nullable=False, server_default=false()),
    Column("maintenance", Text),
    Column("place", String(120)),
    Column("tags", Text),
    CheckConstraint("kind IN ('cpu-gpu', 'asic')", name="kind"),
    sqlite_autoincrement=True,
)

tombstones = Table(
    "tombstones",
    metadata,
    digest("token_hash", primary_key=True),
    Column("rig_id", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    milliseconds("removed_at"),
)
