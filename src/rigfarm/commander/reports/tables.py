"""What is known of coins, where it is fetched, and reports that are sent on a schedule."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = ["coin_sources", "coin_values", "report_messages", "report_schedules"]

coin_values = Table(
    "coin_values",
    metadata,
    identity(),
    Column("coin", String(32), nullable=False),
    Column("what", String(16), nullable=False),
    Column("amount", Float, nullable=False),
    Column("per", String(8), nullable=False),
    Column("currency", String(8), nullable=False),
    Column("source", Text, nullable=False),
    milliseconds("at_ms"),
    Index(None, "at_ms"),
    sqlite_autoincrement=True,
)

coin_sources = Table(
    "coin_sources",
    metadata,
    identity(),
    Column("form", Text, nullable=False),
    Column("currency", String(8), nullable=False),
    milliseconds("tried_ms", nullable=True),
    Column("error", Text, nullable=False),
    sqlite_autoincrement=True,
)

report_schedules = Table(
    "report_schedules",
    metadata,
    identity(),
    Column("form", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("since_ms"),
    sqlite_autoincrement=True,
)

report_messages = Table(
    "report_messages",
    metadata,
    identity(),
    Column("schedule_id", Integer, ForeignKey("report_schedules.id", ondelete="CASCADE"), nullable=False),
    Column("first", String(10), nullable=False),
    Column("last", String(10), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    milliseconds("created_ms"),
    milliseconds("due_ms"),
    milliseconds("sent_ms", nullable=True),
    UniqueConstraint("schedule_id", "first", "last"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)
