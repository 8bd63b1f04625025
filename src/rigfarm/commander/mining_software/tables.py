"""Mining programs, one row per version. `form` and `kept` are the structs of `model`, as JSON: all are in memory, and
nothing is searched by their fields."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, UniqueConstraint

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["mining_software"]

mining_software = Table(
    "mining_software",
    metadata,
    identity(),
    Column("name_key", Text, nullable=False),
    Column("version_key", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("kept", Text, nullable=True),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    UniqueConstraint("name_key", "version_key"),
    sqlite_autoincrement=True,
)
