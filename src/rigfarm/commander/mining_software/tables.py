"""Mining programs, one row per version."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text, UniqueConstraint

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["mining_software"]

mining_software = Table(
    "mining_software",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    Column("name_key", Text, nullable=False),
    Column("version", String(64), nullable=False),
    Column("version_key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("lan", Boolean, nullable=False),
    Column("expected_sha256", String(64), nullable=True),
    Column("sha256", String(64), nullable=True),
    Column("size", BigInteger, nullable=True),
    Column("format", String(16), nullable=True),
    Column("executable", Text, nullable=False),
    Column("adapter", String(64), nullable=False),
    Column("api_arguments", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("devices", String(8), nullable=False),
    Column("dual", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    UniqueConstraint("name_key", "version_key"),
    sqlite_autoincrement=True,
)
