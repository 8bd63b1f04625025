"""Which time a chart or a question is about, and how finely it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from rigfarm.commander.history.model import DAY_MS, HOUR_MS
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.common.text import printable

__all__ = [
    "FINE",
    "LATEST_MS",
    "MAX_POINTS",
    "RESOLUTIONS",
    "Floors",
    "TimeRange",
    "moment_of",
    "resolution_of",
    "time_range",
]

MAX_POINTS = 2_000
"""Of an answer whose resolution was not asked for."""
MAX_ASKED = 20_000
"""Of any answer."""
FINE = (5, 10, 30)
"""Seconds; of one rig, made from its logs."""
FINE_POINTS = 400
"""Of an answer that is made from logs, unless a resolution is asked for. None of it is stored: each
point costs time."""
SHORT_MS = 2 * HOUR_MS
"""A longer range is answered by the minute unless another resolution is asked for: reading logs takes time."""
RESOLUTIONS = (60, 120, 300, 600, 3_600, 10_800, 21_600, 43_200, 86_400)
"""Seconds; from an hour on they are made from hours, else from minutes."""
LATEST_MS = 4_102_444_799_999
"""The end of 2099."""
SHORTEST_MS = 60_000
LONGEST_MS = 3_660 * DAY_MS

_UNITS: Mapping[str, int] = {
    "s": 1_000,
    "m": 60_000,
    "min": 60_000,
    "h": HOUR_MS,
    "d": DAY_MS,
    "w": 7 * DAY_MS,
    "y": 365 * DAY_MS,
}
_AGO = re.compile(r"-(\d{1,6})(s|m|min|h|d|w|y)", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
_HOW = "Write -24h (s, m, h, d, w, y), now, UTC milliseconds, or a time such as 2026-11-29T03:12:05Z."


class TimeRange(Struct, frozen=True):
    """From `from_ms` until before `to_ms`, UTC; `begin` and `end` as they were asked for."""

    from_ms: int
    to_ms: int
    begin: str
    end: str

    @property
    def ends_now(self) -> bool:
        """Whether it moves on with the clock."""
        return self.end == "now"


def time_range(begin: str, end: str, now_ms: int) -> TimeRange:
    """What `from` and `to` mean. NotUnderstood for what means nothing, an empty range, and one that is too long."""
    from_ms, to_ms = moment_of("from", begin, now_ms), moment_of("to", end, now_ms)
    if to_ms - from_ms < SHORTEST_MS:
        raise NotUnderstood("from is at least a minute before to.")
    if to_ms - from_ms > LONGEST_MS:
        raise NotUnderstood("from and to are at most ten years apart.")
    return TimeRange(from_ms, to_ms, begin, end)


def moment_of(name: str, text: str, now_ms: int) -> int:
    """UTC ms of a time as people or programs write it: `-24h`, `now`, UTC ms, ISO 8601. NotUnderstood."""
    found: int | None = None
    if text == "now":
        found = now_ms
    elif ago := _AGO.fullmatch(text):
        found = now_ms - int(ago[1]) * _UNITS[ago[2]]
    elif _NUMBER.fullmatch(text):
        found = int(text)
    elif len(text) <= 40:
        found = _iso(text)
    if found is None:
        raise NotUnderstood(f"{name} is a time, not {printable(text, '?', most=40)}. {_HOW}")
    if not 0 <= found <= LATEST_MS:
        raise NotUnderstood(f"{name} is between 1970 and 2099.")
    return found


def _iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


class Floors(Struct, frozen=True):
    """Before which times there are no logs and no minutes, UTC ms; logs only help where they come often enough."""

    minutes_ms: int = 0
    raw_ms: int | None = None
    """None: it is not about one rig."""
    interval_s: float = 5.0


def resolution_of(span: TimeRange, asked: int | None, floors: Floors) -> int:
    """Seconds between two points: what was asked for, or the finest of at most MAX_POINTS. What is older than the
    minutes that are kept is known by the hour only."""
    length_s = (span.to_ms - span.from_ms) / 1000
    raw = floors.raw_ms is not None and span.from_ms >= floors.raw_ms
    if asked is not None:
        if asked not in RESOLUTIONS and not (asked in FINE and floors.raw_ms is not None):
            known = (*FINE, *RESOLUTIONS) if floors.raw_ms is not None else RESOLUTIONS
            raise NotUnderstood(f"resolution is one of {', '.join(map(str, known))} (seconds).")
        if length_s / asked > (MAX_POINTS if asked in FINE else MAX_ASKED):
            most = MAX_POINTS if asked in FINE else MAX_ASKED
            raise NotUnderstood(
                f"This range has more than {most} points. Ask for a shorter one or a coarser resolution."
            )
        if asked < RESOLUTIONS[0] and not raw:
            raise NotUnderstood("Logs of the beginning of this range are no longer kept: ask for 60 seconds or more.")
        if asked < HOUR_MS // 1000 and span.from_ms < floors.minutes_ms:
            raise NotUnderstood("Minutes of the beginning of this range are no longer kept: ask for 3600 or more.")
        return asked
    coarse = span.from_ms < floors.minutes_ms
    short = span.to_ms - span.from_ms <= SHORT_MS
    fine = [one for one in FINE if raw and short and one >= floors.interval_s and length_s / one <= FINE_POINTS]
    fits = (one for one in (*fine, *RESOLUTIONS) if length_s / one <= MAX_POINTS and (one >= 3_600 or not coarse))
    return next(fits, RESOLUTIONS[-1])
