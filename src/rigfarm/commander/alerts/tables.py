"""Rules, alerts with their members and what rules did about them, channels with their messages, maintenance windows.

`form` columns are structs as JSON: they are in memory as a whole, and nothing is searched by their fields.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from rigfarm.commander.storage import identity, metadata, milliseconds

__all__ = [
    "alert_actions",
    "alert_channels",
    "alert_members",
    "alert_messages",
    "alert_rules",
    "alerts",
    "maintenance_windows",
]

alert_rules = Table(
    "alert_rules",
    metadata,
    identity(),
    Column("kind", String(32), nullable=False),
    Column("form", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    identity(),
    Column("rule_id", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    milliseconds("started_ms"),
    milliseconds("ended_ms", nullable=True),
    Column("body", Text, nullable=False),
    Index(None, "state"),
    Index(None, "ended_ms"),
    sqlite_autoincrement=True,
)

alert_members = Table(
    "alert_members",
    metadata,
    identity(),
    Column("rule_id", Integer, nullable=False),
    Column("rig_id", Integer, nullable=False),
    Column("part", Text, nullable=False),
    Column("rig_name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("value", Float, nullable=True),
    milliseconds("since_ms"),
    Column("alert_id", Integer, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=True),
    milliseconds("fired_ms", nullable=True),
    milliseconds("ended_ms", nullable=True),
    Column("ending", Text, nullable=False),
    Index(None, "alert_id"),
    Index(None, "state"),
    Index(None, "rig_id", "ended_ms"),
    sqlite_autoincrement=True,
)

alert_actions = Table(
    "alert_actions",
    metadata,
    identity(),
    Column("alert_id", Integer, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("rule_id", Integer, nullable=False),
    Column("rig_id", Integer, nullable=False),
    Column("rig_name", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("command_id", String(32), nullable=True),
    milliseconds("at_ms"),
    UniqueConstraint("alert_id", "rig_id"),
    Index(None, "at_ms"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)

alert_channels = Table(
    "alert_channels",
    metadata,
    identity(),
    Column("name_key", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)

alert_messages = Table(
    "alert_messages",
    metadata,
    identity(),
    Column("alert_id", Integer, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    Column("channel_id", Integer, ForeignKey("alert_channels.id", ondelete="CASCADE"), nullable=False),
    Column("what", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    milliseconds("created_ms"),
    milliseconds("due_ms"),
    milliseconds("sent_ms", nullable=True),
    milliseconds("link_used_ms", nullable=True),
    UniqueConstraint("alert_id", "channel_id", "what"),
    Index(None, "channel_id", "sent_ms"),
    Index(None, "state"),
    sqlite_autoincrement=True,
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    identity(),
    Column("form", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    milliseconds("updated_at"),
    sqlite_autoincrement=True,
)
