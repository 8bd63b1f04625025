"""Who leads, and how the others do: in the database that all replicas share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from rigfarm.commander.storage import metadata

__all__ = ["lead", "replicas"]

lead = Table(
    "lead",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
)
"""One row."""

replicas = Table(
    "replicas",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("beat", BigInteger, nullable=False),
)
