"""Webhooks, and what is sent to them. `form` is `model.WebhookForm` as JSON."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["webhook_deliveries", "webhooks"]

webhooks = Table(
    "webhooks",
    metadata,
    identity(),
    Column("name_key", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text, nullable=False),
    milliseconds("old_until_ms"),
    Column("revision", Integer, nullable=False),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    identity(),
    Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(40), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    milliseconds("created_ms"),
    milliseconds("due_ms"),
    milliseconds("ended_ms", nullable=True),
    Index(None, "webhook_id", "state", "due_ms"),
    Index(None, "state", "ended_ms"),
    sqlite_autoincrement=True,
)
