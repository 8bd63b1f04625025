"""History as answers: JSON, and tables for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from rigfarm.commander.history.happened.facts import FARM, Happened, Moment, StateWas
from rigfarm.commander.history.model import Table
from rigfarm.commander.history.reading.course import Course
from rigfarm.commander.history.reading.sizes import HistorySizes
from rigfarm.commander.kinds import KindName
from rigfarm.common.clock import iso, moment
from rigfarm.units import counted, duration, size

__all__ = [
    "EventAnswer",
    "HistoryAnswer",
    "KeptAnswer",
    "LineAnswer",
    "SizesView",
    "event_answer",
    "history_answer",
    "sizes_view",
    "table",
]


class LineAnswer(Struct, omit_defaults=True):
    """One line. `null` is unknown. `min` and `max` are there where the least and the most are known."""

    group: str
    """hashrate, power, temperature, …: what belongs together."""
    name: str
    unit: str
    values: list[float | None]
    min: list[float | None] = []
    max: list[float | None] = []


class HistoryAnswer(Struct):
    """Each point stands for the `resolution_s` seconds that begin with its `t`, UTC milliseconds."""

    start: datetime
    end: datetime
    resolution_s: int
    t: list[int]
    lines: list[LineAnswer]


def history_answer(course: Course) -> HistoryAnswer:
    """For the JSON API."""
    return HistoryAnswer(
        start=moment(course.from_ms),
        end=moment(course.to_ms),
        resolution_s=course.resolution_s,
        t=course.t,
        lines=[LineAnswer(line.group, line.name, line.unit, line.values, line.low, line.high) for line in course.lines],
    )


class KeptAnswer(Struct):
    """A rig that was removed and whose history was kept on purpose."""

    id: int
    name: str
    kind: KindName
    removed: datetime


class EventAnswer(Struct, omit_defaults=True):
    """Something that happened at a time."""

    at: datetime
    what: str
    """state, maintenance, command, result, playbook, added, renamed, removed"""
    title: str
    """The new state, or what it is about."""
    rig: int | None = None
    """Absent: it is about the farm."""
    detail: str = ""
    before: str = ""
    """The state before."""
    key: str = ""
    """The id of a command, a playbook or a removed rig."""
    id: int = 0
    """Of this event."""


def event_answer(one: Happened) -> EventAnswer:
    """For the JSON API: a change of a state, or a moment."""
    fact, rig = one.fact, one.rig if one.rig != FARM else None
    answer = EventAnswer(moment(one.t_ms), "state", "", rig, id=one.id)
    if isinstance(fact, StateWas):
        answer.title, answer.detail, answer.before = fact.state, fact.reason, fact.before
    elif isinstance(fact, Moment):
        answer.what, answer.title, answer.detail, answer.key = fact.topic, fact.title, fact.detail, fact.key
    return answer


def table(course: Course) -> Iterator[Sequence[object]]:
    """For exports: a row of headings, then one for each point; an unknown is an empty cell."""
    headings: list[str] = ["time"]
    columns: list[Sequence[float | None]] = []
    for line in course.lines:
        unit = f" ({line.unit})" if line.unit else ""
        title = line.name if line.name.startswith(line.group) else f"{line.group} {line.name}"
        for label, values in (("", line.values), (" min", line.low), (" max", line.high)):
            if values:
                headings.append(f"{title}{label}{unit}")
                columns.append(values)
    yield headings
    for n, t in enumerate(course.t):
        yield [moment(t), *(values[n] for values in columns)]


class SizeRow(Struct, frozen=True):
    """One table of figures, in words."""

    name: str
    kept: str
    since_iso: str
    since: str
    day: str
    full: str


class SizesView(Struct, frozen=True):
    """Everything of history_sizes.html. What isn't known yet is a dash."""

    size: str
    rigs: str
    free: str
    until_iso: str
    until: str
    month: str
    year: str
    full: str
    too_large: bool
    """At most it is larger than what the disk has for it."""
    rows: tuple[SizeRow, ...]


_NAMES: Mapping[Table, str] = {
    "raw": "Logs",
    "briefs": "Logs of the farm, in brief",
    "minutes": "Minutes of each rig",
    "minute_briefs": "Minutes of the farm, in brief",
    "tens": "Minutes of each rig, ten by ten",
    "hours": "Hours of each rig",
    "minute_totals": "Minutes of the farm together",
    "hour_totals": "Hours of the farm together",
}


def sizes_view(found: HistorySizes) -> SizesView:
    """For the page of settings."""
    full = found.full_bytes
    return SizesView(
        size=str(size(found.file_bytes)),
        rigs=counted(found.rigs, "rig"),
        free=str(size(found.free_bytes)),
        until_iso=iso(found.until_ms),
        until=_words(found.until_ms),
        month=str(size(found.in_days(30))),
        year=str(size(found.in_days(365))),
        full=str(size(full)),
        too_large=full is not None and full > found.file_bytes + found.free_bytes,
        rows=tuple(
            SizeRow(
                _NAMES[name],
                duration(one.kept_days * 86_400),
                iso(one.since_ms),
                _words(one.since_ms),
                str(size(one.day_bytes)),
                str(size(one.full_bytes)),
            )
            for name, one in found.tables.items()
        ),
    )


def _words(ms: int | None) -> str:
    return moment(ms).strftime("%Y-%m-%d %H:%M UTC") if ms else ""
