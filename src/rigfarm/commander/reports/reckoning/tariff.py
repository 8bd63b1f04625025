"""What electricity costs at a moment: prices by season, weekday and time of day, in the farm's own time zone.

A tariff is text, one price a line. The first line that fits a moment counts, and a line of a price alone always fits:

    Nov-Mar Mon-Fri 06:00-22:00 0.31
    Sat,Sun 0.19
    0.24
    since 2027-01-01
    0.26

`since` begins the prices that hold from that day on (local midnight). Times are local, in quarters of an hour: a day on
which clocks change has 23 or 25 hours, and each is charged by what the clock shows in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from rigfarm.commander.refusals import Invalid
from rigfarm.common.text import printable

__all__ = ["MAX_LINES", "QUARTER_MS", "Price", "Prices", "Tariff", "parse_prices"]

MAX_LINES = 100
MAX_PRICE = 1e6
"""Of a kWh, in any currency."""
QUARTER_MS = 900_000
QUARTERS = 96
"""Of a day, by the clock."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PRICE = re.compile(r"\d{1,7}(\.\d{1,6})?", re.ASCII)
_TIMES = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)", re.ASCII)
_EXAMPLE = "Write a price, or for example: Nov-Mar Mon-Fri 06:00-22:00 0.31"


class Price(Struct, frozen=True):
    """One line: when a price holds, and the price of a kWh."""

    per_kwh: float
    months: frozenset[int] = frozenset(range(12))
    weekdays: frozenset[int] = frozenset(range(7))
    quarters: frozenset[int] = frozenset(range(QUARTERS))
    """Of the day that the clock shows; a time that goes past midnight belongs to the day on which each part lies."""


class Prices(Struct, frozen=True):
    """The prices that hold from a day on."""

    since: date
    lines: tuple[Price, ...]

    def at(self, local: datetime) -> float | None:
        """The price of a kWh; None where no line fits."""
        quarter = local.hour * 4 + local.minute // 15
        for line in self.lines:
            if quarter in line.quarters and local.weekday() in line.weekdays and local.month - 1 in line.months:
                return line.per_kwh
        return None


class Tariff:
    """Prices over time, in one time zone."""

    def __init__(self, prices: Sequence[Prices], zone: ZoneInfo) -> None:
        self._prices = sorted(prices, key=lambda one: one.since, reverse=True)
        self._zone = zone

    def at(self, utc_ms: int) -> float | None:
        """What a kWh costs at this moment; None before the first prices, and where no line fits."""
        local = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(self._zone)
        day = local.date()
        return next((one.at(local) for one in self._prices if one.since <= day), None)

    def of_hour(self, hour: int) -> float | None:
        """What a kWh costs on the average of an hour (its number since 1970 UTC) in which power is even; None when
        a part of it has no price."""
        quarters = [self.at(hour * 4 * QUARTER_MS + n * QUARTER_MS) for n in range(4)]
        known = [one for one in quarters if one is not None]
        return sum(known) / 4 if len(known) == 4 else None


def parse_prices(text: str) -> tuple[Prices, ...]:
    """What an operator wrote; Invalid names the first line that means nothing. Nothing written: no prices."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_LINES:
        raise Invalid(f"Write at most {MAX_LINES} lines of prices.")
    found: list[tuple[date, list[Price]]] = [(date.min, [])]
    for number, line in lines:
        try:
            if since := _since(line):
                found.append((since, []))
            else:
                found[-1][1].append(_price(line))
        except ValueError as error:
            raise Invalid(f"Line {number}, “{printable(line, '?', most=60)}”: {error}") from None
    days = [since for since, _ in found]
    if len(set(days)) < len(days):
        raise Invalid("Two parts begin on the same day: give each “since” a day of its own.")
    for since, prices in found[1:]:
        if not prices:
            raise Invalid(f"“since {since}” is followed by no price.")
    return tuple(Prices(since, tuple(prices)) for since, prices in found if prices)


def _since(line: str) -> date | None:
    word, _, day = line.partition(" ")
    if word.lower() != "since":
        return None
    try:
        return date.fromisoformat(day.strip())
    except ValueError:
        raise ValueError("after “since” comes a day such as 2027-01-01.") from None


def _price(line: str) -> Price:
    *words, last = line.split()
    if not _PRICE.fullmatch(last) or float(last) > MAX_PRICE:
        raise ValueError(f"it does not end in a price. {_EXAMPLE}")
    given: dict[str, frozenset[int]] = {}
    for word in words:
        name, numbers = _condition(word.lower())
        if name in given:
            raise ValueError(f"it names its {name} twice. Join them with a comma: Jan,Feb")
        given[name] = numbers
    return Price(float(last), **given)


def _condition(word: str) -> tuple[str, frozenset[int]]:
    if word[:1].isdigit():
        return "quarters", frozenset(number for part in word.split(",") for number in _times(part))
    name, names = ("months", MONTHS) if word[:3] in MONTHS else ("weekdays", WEEKDAYS)
    return name, frozenset(number for part in word.split(",") for number in _named(part, names))


def _named(part: str, names: Sequence[str]) -> Iterator[int]:
    first, dash, last = part.partition("-")
    for one in (first, last) if dash else (first,):
        if one not in names:
            raise ValueError(f"“{one}” is not a month, a weekday or a time. {_EXAMPLE}")
    yield from _around(names.index(first), names.index(last if dash else first), len(names))


def _times(part: str) -> Iterator[int]:
    found = _TIMES.fullmatch(part)
    if found is None:
        raise ValueError(f"“{part}” is not a time such as 06:00-22:00.")
    hours, minutes = (int(found[1]), int(found[3])), (int(found[2]), int(found[4]))
    first, last = (hour * 4 + minute // 15 for hour, minute in zip(hours, minutes, strict=True))
    if any(minute % 15 or minute > 45 for minute in minutes) or first >= QUARTERS or last > QUARTERS or first == last:
        raise ValueError(f"“{part}” is not a time from 00:00 to 24:00 in quarters of an hour.")
    yield from _around(first, (last - 1) % QUARTERS, QUARTERS)


def _around(first: int, last: int, count: int) -> Iterator[int]:
    """From first to last, past the end of the year, the week or the day where last is before first."""
    yield first
    while first != last:
        first = (first + 1) % count
        yield first


def midnight_ms(zone: ZoneInfo, day: date) -> int:
    """When a day begins, UTC ms."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
