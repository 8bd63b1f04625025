"""Circuits. `form` is `model.CircuitForm` as JSON: all of them are in memory, and nothing is searched by field."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["circuits"]

circuits = Table(
    "circuits",
    metadata,
    identity(),
    Column("name_key", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("created_at"),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)
