"""Logins and API keys. Neither holds anything that could log in: only hashes."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, false

from rigfarm.commander.storage import digest, identity, metadata, milliseconds

__all__ = ["api_keys", "sessions"]

sessions = Table(
    "sessions",
    metadata,
    digest("id_hash", primary_key=True),
    Column("label", Text, nullable=False),
    Column("address", Text, nullable=False),
    milliseconds("created_at"),
    milliseconds("last_used_at"),
    Column("owner", Text, nullable=True),
    Column("visitor", Boolean, nullable=False, server_default=false()),
)

api_keys = Table(
    "api_keys",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    digest("key_hash", unique=True),
    Column("scopes", Text, nullable=False),
    milliseconds("created_at"),
    milliseconds("expires_at", nullable=True),
    milliseconds("last_used_at", nullable=True),
    Column("last_used_from", Text, nullable=True),
    Column("enrolled", Integer, nullable=False),
    sqlite_autoincrement=True,
)
