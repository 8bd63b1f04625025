"""Schedules of reports and what was sent, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from rigfarm.commander.reports.schedule.model import EVERY, ReportMessage, due_after
from rigfarm.commander.reports.schedule.schedules import Schedules
from rigfarm.common.clock import iso
from rigfarm.units import duration

__all__ = ["MessageLine", "ScheduleLine", "message_lines", "schedule_lines"]


class ScheduleLine(Struct, frozen=True):
    """A schedule: cells of the table."""

    id: int
    when: str
    at: str
    of: str
    channel: str
    next_iso: str
    next: str
    on: bool


class MessageLine(Struct, frozen=True):
    """A message: cells of the table."""

    days: str
    channel: str
    state: str
    tone: str
    answer: str
    at_iso: str
    age: str


def schedule_lines(schedules: Schedules, now_ms: int) -> list[ScheduleLine]:
    """All of them."""
    zone = ZoneInfo(schedules.reports.settings.zone)
    lines = []
    for one in schedules.schedules.values():
        due = due_after(one.form, zone, now_ms)
        lines.append(
            ScheduleLine(
                one.id,
                EVERY[one.form.every],
                one.form.at,
                f"rigs that match {one.form.filter}" if one.form.filter else "whole farm",
                schedules.channel_name(one.form.channel),
                iso(due.at_ms) if one.form.on else "",
                f"in {duration((due.at_ms - now_ms) / 1000)}" if one.form.on else "off",
                one.form.on,
            )
        )
    return lines


_TONES = {"failed": "bad", "skipped": "warn"}


def message_lines(schedules: Schedules, messages: Sequence[ReportMessage], now_ms: int) -> list[MessageLine]:
    """Those that are shown."""
    lines = []
    for one in messages:
        schedule = schedules.schedules.get(one.schedule_id)
        at_ms = one.sent_ms or one.created_ms
        lines.append(
            MessageLine(
                one.first if one.first == one.last else f"{one.first} to {one.last}",
                schedules.channel_name(schedule.form.channel) if schedule is not None else "",
                one.state,
                _TONES.get(one.state, ""),
                one.answer,
                iso(at_ms),
                duration((now_ms - at_ms) / 1000),
            )
        )
    return lines
