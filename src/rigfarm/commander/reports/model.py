"""What reports are about: settings that operators choose, a period of days, and the figures of one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.history import HOUR_MS
from rigfarm.commander.names import clean_line, clean_zone
from rigfarm.commander.numbers import read_decimal, within, write_decimal
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.reports.reckoning.tariff import Tariff, midnight_ms, parse_prices
from rigfarm.common.text import printable

__all__ = [
    "NAMED_PERIODS",
    "CoinFigures",
    "Earned",
    "Earnings",
    "Figures",
    "Grade",
    "Letter",
    "Period",
    "Report",
    "ReportSettings",
    "RigFigures",
    "period_of",
]

LONGEST_DAYS = 366
NAMED_PERIODS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "This week",
    "last-week": "Last week",
    "month": "This month",
    "last-month": "Last month",
}


# Settings


def _currency(text: str, _: object) -> str:
    return clean_line(text, "currency", "A currency", 8)


def _prices(text: str, _: object) -> str:
    parse_prices(text)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


class ReportSettings(Struct, frozen=True):
    """What an operator says of the farm's electricity. `fields.checked` makes it fit to keep."""

    zone: Annotated[
        str,
        form_field(
            "Time zone",
            "Days begin and prices change by its clock.",
            check=clean_zone,
            required=True,
            placeholder="Europe/Berlin",
        ),
    ] = "UTC"
    currency: Annotated[
        str,
        form_field("Currency", "Shown next to amounts.", check=_currency, max_length=8, placeholder="EUR"),
    ] = ""
    prices: Annotated[
        str,
        form_field(
            "Price of a kWh, the first line that fits counts",
            "A price alone always fits. “since 2027-01-01” begins new prices.",
            check=_prices,
            rows=8,
            max_length=4_000,
            placeholder="Nov-Mar Mon-Fri 06:00-22:00 0.31\nSat,Sun 0.19\n0.24",
        ),
    ] = ""
    coin_days: Annotated[
        float,
        form_field(
            "Days for which a coin's price is used",
            "An older one is shown, but not used.",
            check=within(1, 366, "days"),
            read=read_decimal,
            write=write_decimal,
            max_length=5,
        ),
    ] = 7.0

    @property
    def tariff(self) -> Tariff:
        """What a kWh costs when."""
        return Tariff(parse_prices(self.prices), ZoneInfo(self.zone))


# Periods


class Period(Struct, frozen=True):
    """Days by the clock of a zone, from `first` to `last`."""

    first: date
    last: date
    zone: ZoneInfo
    name: str = ""
    """Of NAMED_PERIODS; empty for other days."""

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def hours(self) -> range:
        """The hours of these days, as numbers since 1970 UTC: the nearest ones in a zone that is not whole hours from
        UTC."""
        begin, end = midnight_ms(self.zone, self.first), midnight_ms(self.zone, self.last + timedelta(days=1))
        return range(round(begin / HOUR_MS), round(end / HOUR_MS))

    @property
    def before(self) -> Period:
        """As many days before it."""
        days = timedelta(days=self.days)
        return Period(self.first - days, self.last - days, self.zone)

    def each_day(self) -> list[Period]:
        """Its days."""
        return [Period(day, day, self.zone) for day in (self.first + timedelta(days=n) for n in range(self.days))]


def period_of(name: str, first: str, last: str, today: date, zone: ZoneInfo) -> Period:
    """The days that a URL names: one of NAMED_PERIODS, or days such as 2026-11-29. NotUnderstood."""
    if first or last:
        if name:
            raise NotUnderstood("Give a period, or from and to.")
        begin, end = _day("from", first or last), _day("to", last or first)
        if end < begin:
            raise NotUnderstood("from is a day before to, or the same.")
        if (end - begin).days >= LONGEST_DAYS:
            raise NotUnderstood(f"A report covers at most {LONGEST_DAYS} days.")
        return Period(begin, end, zone)
    monday = today - timedelta(days=today.weekday())
    month = today.replace(day=1)
    last_month = month - timedelta(days=1)
    spans = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "week": (monday, today),
        "last-week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "month": (month, today),
        "last-month": (last_month.replace(day=1), last_month),
    }
    if name not in spans:
        known = ", ".join(spans)
        raise NotUnderstood(f"Unknown period {printable(name, '?', most=40)}. Known periods: {known}.")
    return Period(*spans[name], zone, name)


def _day(name: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1971 <= found.year <= 2098:
        raise NotUnderstood(f"{name} is a day such as 2026-11-29, not {printable(text, '?', most=40)}.")
    return found


# Figures


class CoinFigures(Struct, frozen=True, kw_only=True):
    """What a coin was mined with. What is unknown is None."""

    coin: str
    hashes: float
    hashrate: float
    """H/s on the average of the whole time."""
    efficiency: float | None
    """Hashes for each joule, of those whose energy is known."""
    energy_j: float | None
    cost: float | None
    """Of this energy."""
    unpriced_j: float
    """Energy of hours that have no price."""
    accepted: int
    rejected: int
    stale: int
    invalid: int

    @property
    def rejects(self) -> float | None:
        """The share that was rejected."""
        both = self.accepted + self.rejected
        return self.rejected / both if both else None

    @property
    def powered_share(self) -> float:
        """The share of the hashes whose energy is known."""
        return (self.efficiency or 0.0) * (self.energy_j or 0.0) / self.hashes if self.hashes else 0.0


class Figures(Struct, frozen=True, kw_only=True):
    """What a farm or a rig did in a time. Times are seconds of all rigs together; what is unknown is None."""

    seconds: float
    """How long the time is."""
    there_s: float
    """For how long rigs were there."""
    online_s: float
    degraded_s: float
    idle_s: float
    stopped_s: float
    """Mining nothing because an operator wanted so."""
    offline_s: float
    unknown_s: float
    """The Commander did not run, and no logs came later."""
    energy_j: float | None
    powered_s: float
    """For how long power was known."""
    cost: float | None
    """Of the energy that has a price."""
    unpriced_j: float
    """Energy of hours that have no price."""
    coins: list[CoinFigures]

    @property
    def available(self) -> float | None:
        """The share of the time in which rigs mined; left out is when nothing is known or they were stopped."""
        known = self.there_s - self.unknown_s - self.stopped_s
        return (self.online_s + self.degraded_s) / known if known > 0 else None

    @property
    def power_known(self) -> float | None:
        """The share of the reported time whose power is known."""
        reported = self.online_s + self.degraded_s + self.idle_s + self.stopped_s
        return min(self.powered_s / reported, 1.0) if reported else None


Letter = Literal["A", "B", "C", "D", "E", "F"]


class Grade(Struct, frozen=True):
    """How well a rig did, and why not better."""

    letter: Letter
    reason: str = ""


class RigFigures(Struct, frozen=True, kw_only=True):
    """One rig, to be compared with others. Shares are 0..1; what is unknown is None."""

    rig_id: int
    name: str
    href: str
    coin: str
    """The one that it mined longest; empty when it mined none."""
    hashrate: float | None
    """H/s of this coin on the average of the whole time."""
    available: float | None
    speed: float | None
    """While it mined: hashrate against its own normal, or else its device's nameplate."""
    delivered: float | None
    """Both together: what it mined of what it could have."""
    lost_s: float | None
    """The time at its normal hashrate that is missing."""
    rejects: float | None
    hot_s: float
    program_starts: int
    rig_starts: int
    energy_j: float | None
    grade: Grade | None


class Earned(Struct, frozen=True, kw_only=True):
    """What was earned with a coin, by figures that an operator entered or had fetched."""

    coin: str
    coins: float
    """Paid out, or else what the hashes made of the days whose rate is known."""
    paid_out: bool
    revenue: float | None
    """What they were worth on the day."""
    profit: float | None
    """Less what their energy cost; None unless all of both is known."""
    unvalued_days: int
    """Days (or payouts) without a rate or a price that was young enough: they are not in the revenue."""
    price: float | None
    """The last that was used."""
    price_at: datetime | None
    price_age_s: float | None
    """How old it was when it was used: at the end of a day, or now."""
    price_source: str
    """The host that it was fetched from; empty: entered by hand."""


class Earnings(Struct, frozen=True, kw_only=True):
    """Of all coins that something is known of."""

    coins: list[Earned] = []
    revenue: float | None = None
    profit: float | None = None
    missing: list[str] = []
    """Coins of which not all of the revenue is known."""


class Report(Struct, frozen=True, kw_only=True):
    """Of a period, up to the last hour that is known."""

    period: Period
    hours: range
    """Those that are known; numbers since 1970 UTC."""
    now: Figures
    before: Figures
    """As many hours of the period before."""
    days: list[tuple[date, Figures]]
    rigs: list[RigFigures]
    """Those that lost most first; of one rig or one coin: empty."""
    earned: Earnings = Earnings()
