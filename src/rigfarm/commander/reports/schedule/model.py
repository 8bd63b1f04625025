"""When a report is sent, of what and by which channel; and each message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_line, clean_time
from rigfarm.commander.numbers import MAX_NUMBER, number
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.reports.model import Period
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, SearchMistake, parse

__all__ = [
    "EVERY",
    "Due",
    "ReportChannels",
    "ReportMessage",
    "Schedule",
    "ScheduleForm",
    "due_after",
    "due_before",
]

Every = Literal["day", "week", "month"]
EVERY: Mapping[Every, str] = {
    "day": "every day, of the day before",
    "week": "every Monday, of the week before",
    "month": "on the first of the month, of the month before",
}
MessageState = Literal["waiting", "sending", "sent", "failed", "skipped"]


def _at(text: str, _: object) -> str:
    if not (at := clean_time(text)):
        raise Invalid("Enter a time of day, for example 07:00.")
    return at


def _read_channel(text: str) -> int:
    found = number(text)
    if found is None:
        raise Invalid("Choose a channel.")
    return found


def _channel(value: int, _: object) -> int:
    if isinstance(value, bool) or not 0 < value <= MAX_NUMBER:
        raise Invalid("Choose a channel.")
    return value


def _filter(text: str, _: object) -> str:
    search = clean_line(text, "filter", "A search", MAX_SEARCH)
    try:
        parse(search)
    except SearchMistake as mistake:
        raise Invalid(str(mistake)) from None
    return search


class ScheduleForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set."""

    every: Annotated[Every, form_field("When", choices=EVERY)] = "day"
    at: Annotated[
        str,
        form_field("At", "By the clock of reports.", check=_at, required=True, max_length=5, placeholder="07:00"),
    ] = "07:00"
    channel: Annotated[int, form_field("Channel", group="channel", check=_channel, read=_read_channel, required=True)]
    """One of the alerts' channels."""
    filter: Annotated[
        str,
        form_field(
            "Only rigs that match",
            "A search such as tag:solar; empty: the whole farm.",
            check=_filter,
            max_length=MAX_SEARCH,
        ),
    ] = ""
    on: Annotated[bool, form_field("On")] = True


class Schedule(Struct, frozen=True, kw_only=True):
    """As it is kept."""

    id: int
    form: ScheduleForm
    revision: int
    since_ms: int
    """Nothing is sent for a time before this, UTC ms."""


class ReportMessage(Struct, frozen=True, kw_only=True):
    """One report that is to be sent, or was. Times are UTC ms."""

    id: int
    schedule_id: int
    first: str
    """The days that it is of."""
    last: str
    state: MessageState
    attempts: int
    answer: str
    """What the service answered last, or why nothing was sent."""
    created_ms: int
    due_ms: int
    sent_ms: int | None

    def period(self, zone: ZoneInfo) -> Period:
        """The days by a clock."""
        return Period(date.fromisoformat(self.first), date.fromisoformat(self.last), zone)


class _Answer(Protocol):
    """What a service said."""

    @property
    def ok(self) -> bool:
        """Whether it took the message."""

    @property
    def answer(self) -> str:
        """In its words."""


class ReportChannels(Protocol):
    """Where reports can be sent: the alerts' channels."""

    @property
    def names(self) -> Mapping[int, str]:
        """Of all channels."""

    async def send(self, channel_id: int, title: str, body: str) -> _Answer | None:
        """Send it; None where the channel is off. Absent."""


class Due(Struct, frozen=True):
    """A moment at which a report is to be sent, and of which days."""

    at_ms: int
    period: Period


def due_before(form: ScheduleForm, zone: ZoneInfo, now_ms: int) -> Due:
    """The last one that is over."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    found = _due(form, zone, _first_day(form.every, day))
    return found if found.at_ms <= now_ms else _due(form, zone, _first_day(form.every, found.period.last))


def due_after(form: ScheduleForm, zone: ZoneInfo, now_ms: int) -> Due:
    """The next one."""
    found = due_before(form, zone, now_ms)
    day = datetime.fromtimestamp(found.at_ms / 1000, UTC).astimezone(zone).date()
    steps = {"day": 1, "week": 7, "month": 32}
    return _due(form, zone, _first_day(form.every, day + timedelta(days=steps[form.every])))


def _first_day(every: Every, day: date) -> date:
    """The day on which a report is sent, at or before another."""
    if every == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if every == "week" else day


def _due(form: ScheduleForm, zone: ZoneInfo, day: date) -> Due:
    last = day - timedelta(days=1)
    first = _first_day(form.every, last)
    at = datetime.combine(day, time.fromisoformat(form.at), zone)
    return Due(round(at.timestamp() * 1000), Period(first, last, zone))
