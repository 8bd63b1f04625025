"""Requests that carried a key, and how they were answered."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from rigfarm.commander.storage import digest, metadata, milliseconds

__all__ = ["idempotent_requests"]

idempotent_requests = Table(
    "idempotent_requests",
    metadata,
    digest("id_hash", primary_key=True),
    Column("request_hash", LargeBinary(32), nullable=False),
    milliseconds("created_at"),
    Column("answer", LargeBinary, nullable=True),
)
