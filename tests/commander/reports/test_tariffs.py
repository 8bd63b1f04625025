"""What a kWh costs when: bills worked out by hand, clocks that change, and lines that mean nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.refusals import Invalid
from rigfarm.commander.reports.reckoning.tariff import Tariff, midnight_ms, parse_prices

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000


def hour(year: int, month: int, day: int, hour: int) -> int:
    """The number of an hour, UTC."""
    return round(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) // 3600


def tariff(text: str, zone: str = "Europe/Berlin") -> Tariff:
    return Tariff(parse_prices(text), ZoneInfo(zone))


def bill(prices: Tariff, first_ms: int, end_ms: int, kw: float = 1.0) -> float:
    """Of a farm that takes `kw` all the time."""
    hours = [prices.of_hour(one) for one in range(first_ms // HOUR_MS, end_ms // HOUR_MS)]
    assert None not in hours
    return round(sum(one for one in hours if one is not None) * kw, 6)


DAY_AND_NIGHT = "06:00-22:00 0.30\n0.20"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 6, 10), 16 * 0.30 + 8 * 0.20),
        (date(2026, 3, 29), 16 * 0.30 + 7 * 0.20),  # clocks go forward: a night of seven hours
        (date(2026, 10, 25), 16 * 0.30 + 9 * 0.20),  # back: a night of nine
    ],
)
def test_a_day_costs_what_the_clock_shows(day: date, expected: float) -> None:
    begin, end = (midnight_ms(BERLIN, one) for one in (day, day + timedelta(days=1)))
    assert bill(tariff(DAY_AND_NIGHT), begin, end) == pytest.approx(expected)


def test_seasons_weekdays_and_times_the_first_line_that_fits_counts() -> None:
    prices = tariff("Nov-Mar Mon-Fri 06:00-22:00 0.31\nSat,Sun 0.19\n0.24")
    assert prices.of_hour(hour(2026, 1, 5, 9)) == 0.31  # a Monday in January
    assert prices.of_hour(hour(2026, 1, 5, 3)) == 0.24  # at night
    assert prices.of_hour(hour(2026, 1, 10, 9)) == 0.19  # a Saturday
    assert prices.of_hour(hour(2026, 7, 6, 9)) == 0.24  # a Monday in July
    assert prices.of_hour(hour(2026, 1, 4, 23)) == 0.24  # Sunday in UTC, Monday by the clock


def test_a_month_by_hand() -> None:
    """November 2026 in Berlin has 21 weekdays and 9 days at weekends."""
    begin, end = (round(datetime(2026, month, 1, tzinfo=BERLIN).timestamp() * 1000) for month in (11, 12))
    prices = tariff("Mon-Fri 06:00-22:00 0.31\nSat,Sun 0.19\n0.24")
    assert bill(prices, begin, end, kw=2.5) == pytest.approx(2.5 * (21 * (16 * 0.31 + 8 * 0.24) + 9 * 24 * 0.19))


def test_a_time_past_midnight() -> None:
    prices = tariff("22:00-06:00 0.1\n0.2", "UTC")
    assert [prices.of_hour(hour(2026, 5, 4, one)) for one in (21, 22, 23, 0, 5, 6)] == [0.2, 0.1, 0.1, 0.1, 0.1, 0.2]


def test_new_prices_from_a_day_on() -> None:
    prices = tariff("0.24\nsince 2027-01-01\n0.26\nsince 2026-06-01\n0.25")
    at = [(2026, 5, 31, 21), (2026, 5, 31, 22), (2026, 12, 31, 22), (2026, 12, 31, 23)]
    assert [prices.of_hour(hour(*one)) for one in at] == [0.24, 0.25, 0.25, 0.26]


def test_before_the_first_prices_and_beside_every_line_nothing_is_known() -> None:
    prices = tariff("since 2026-06-01\nMon 0.25", "UTC")
    assert prices.of_hour(hour(2026, 5, 25, 12)) is None
    assert prices.of_hour(hour(2026, 6, 1, 12)) == 0.25
    assert prices.of_hour(hour(2026, 6, 2, 12)) is None


def test_zones_that_are_not_whole_hours_from_utc_and_quarters_of_an_hour() -> None:
    prices = tariff("06:00-22:00 0.30\n0.20", "Asia/Kathmandu")  # UTC+05:45
    assert prices.of_hour(hour(2026, 6, 1, 0)) == pytest.approx((0.20 + 3 * 0.30) / 4)
    assert tariff("06:15-07:00 1\n0", "UTC").of_hour(hour(2026, 6, 1, 6)) == 0.75


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cheap", "does not end in a price"),
        ("0.2\nMon-Fri", "Line 2"),
        ("Mon-Fry 0.2", "“fry” is not a month"),
        ("6-22 0.2", "is not a time such as 06:00-22:00"),
        ("06:00-25:00 0.2", "from 00:00 to 24:00"),
        ("06:10-07:00 0.2", "quarters of an hour"),
        ("Jan Feb 0.2", "names its months twice"),
        ("since 2026-13-01\n0.2", "comes a day such as"),
        ("since 2026-01-01", "is followed by no price"),
        ("since 2026-01-01\n1\nsince 2026-01-01\n2", "on the same day"),
        ("1\n" * 101, "at most 100 lines"),
        ("-1", "does not end in a price"),
        ("1e9", "does not end in a price"),
        ("nan", "does not end in a price"),
    ],
)
def test_a_line_that_means_nothing_is_named(text: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_prices(text)
    assert says in str(refused.value)


def test_no_prices_are_no_prices() -> None:
    assert parse_prices(" \n") == ()
    assert tariff("").of_hour(0) is None


@given(st.text(max_size=200))
def test_any_text_is_prices_or_is_refused(text: str) -> None:
    try:
        prices = parse_prices(text)
    except Invalid:
        return
    assert all(0 <= line.per_kwh <= 1e6 for one in prices for line in one.lines)


@given(st.integers(0, 2_000_000), st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]))
def test_every_moment_has_one_price_where_a_line_fits_always(hour: int, zone: str) -> None:
    found = tariff("Nov-Mar 22:00-06:00 1\nMon-Fri 2\n3", zone).of_hour(hour)
    assert found is not None
    assert 1 <= found <= 3
