"""Enrolment keys."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from rigfarm.commander.storage import digest, identity, metadata, milliseconds

__all__ = ["enrolment_keys"]

enrolment_keys = Table(
    "enrolment_keys",
    metadata,
    identity(),
    Column("name", String(64), nullable=False),
    digest("key_hash", unique=True),
    milliseconds("created_at"),
    milliseconds("expires_at"),
    Column("enrolled", Integer, nullable=False),
    sqlite_autoincrement=True,
)
