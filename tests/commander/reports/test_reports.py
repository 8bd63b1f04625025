"""What a report says of two days that were worked out by hand: energy, its cost, coins, who was there, grades; and the
page, the CSV and the API that say so."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rigfarm.commander.history import Life, RigSums
from rigfarm.commander.history.rollups.days import CoinSums
from rigfarm.commander.names import clean_zone
from rigfarm.commander.refusals import Invalid, NotUnderstood
from rigfarm.commander.reports import actions
from rigfarm.commander.reports.model import Period, period_of
from rigfarm.commander.reports.reckoning.rigs import grade_of, of_rig
from rigfarm.commander.rigs.model import Rig

BERLIN = ZoneInfo("Europe/Berlin")
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-29", "2026-11-29"),
        ("yesterday", "2026-11-28", "2026-11-28"),
        ("week", "2026-11-23", "2026-11-29"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("month", "2026-11-01", "2026-11-29"),
        ("last-month", "2026-10-01", "2026-10-31"),
    ],
)
def test_named_periods(name: str, first: str, last: str) -> None:
    found = period_of(name, "", "", date(2026, 11, 29), BERLIN)
    assert (str(found.first), str(found.last)) == (first, last)


def test_days_have_the_hours_of_the_clock() -> None:
    assert len(Period(date(2026, 3, 29), date(2026, 3, 29), BERLIN).hours) == 23
    assert len(Period(date(2026, 10, 25), date(2026, 10, 25), BERLIN).hours) == 25
    assert len(Period(date(2026, 10, 1), date(2026, 10, 31), BERLIN).hours) == 31 * 24 + 1
    month = Period(date(2026, 10, 1), date(2026, 10, 31), BERLIN)
    assert [hour for day in month.each_day() for hour in day.hours] == list(month.hours)
    assert month.before.hours.stop == month.hours.start


@pytest.mark.parametrize(
    ("name", "first", "last", "says"),
    [
        ("fortnight", "", "", "Unknown period"),
        ("today", "2026-11-01", "", "a period, or from and to"),
        ("", "2026-11-02", "2026-11-01", "a day before"),
        ("", "2024-01-01", "2026-01-01", "at most 366 days"),
        ("", "yesterday", "", "is a day such as"),
        ("", "1066-10-14", "1066-10-14", "is a day such as"),
    ],
)
def test_what_means_no_days_is_refused(name: str, first: str, last: str, says: str) -> None:
    with pytest.raises(NotUnderstood, match=says):
        period_of(name, first, last, date(2026, 11, 29), BERLIN)


def test_a_zone_that_does_not_exist() -> None:
    for name in ("Mars/Olympus", "../../etc/passwd", "America", "x" * 300):
        with pytest.raises(Invalid, match="no time zone"):
            clean_zone(name)


async def test_a_report_of_some_rigs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_RIG_DAYS", 60)
    book, found = SimpleNamespace(rigs=dict.fromkeys(range(3), RIG)), SimpleNamespace(matches=lambda *_: True)
    reports: Any = actions.Reports(None, book, found, None, None)  # type: ignore[arg-type]
    with pytest.raises(NotUnderstood, match=r"3 rigs match.*at most 20 days"):
        await reports.of_some(Period(date(2026, 11, 1), date(2026, 11, 21), BERLIN), "tag:solar")


RIG = Rig(id=7, name="rig-07", kind="cpu-gpu", created_at=0)
LIFE = Life(7, "cpu-gpu", 0, 0, None)


def figures(sums: RigSums, life: Life | None = LIFE, unknown_ms: int = 0) -> Any:
    return of_rig(RIG, sums, life, 0, DAY_MS, unknown_ms)


def coin(ms: int, rate: float, normal: float | None) -> CoinSums:
    work = rate * ms / 1000
    if normal is None:
        return CoinSums(work=work, ms=ms)
    return CoinSums(work=work, ms=ms, judged=work, expected=normal * ms / 1000)


def mined(hours: float, rate: float = 1e6, normal: float | None = 1e6) -> RigSums:
    ms = round(hours * 3.6e6)
    return RigSums(online_ms=ms, coins={"KAS": coin(ms, rate, normal)})


def test_what_a_rig_delivered_is_its_time_and_its_speed() -> None:
    found = figures(mined(18, 0.9e6))
    assert found.available == 0.75
    assert found.speed == pytest.approx(0.9)
    assert found.delivered == pytest.approx(0.675)
    assert found.lost_s == pytest.approx(0.325 * 86_400)
    assert found.hashrate == pytest.approx(0.675e6)
    assert (found.grade.letter, found.grade.reason) == ("E", "mined 75 % of the time")


def test_two_coins_at_once_are_no_more_than_one() -> None:
    found = figures(RigSums(online_ms=DAY_MS, coins={"KAS": coin(DAY_MS, 1e6, 1e6), "ETC": coin(DAY_MS, 2e6, 2e6)}))
    assert found.delivered == pytest.approx(1.0)


def test_time_in_which_the_commander_did_not_run_is_not_held_against_a_rig() -> None:
    assert figures(mined(18), unknown_ms=6 * 3_600_000).available == 1.0
    assert figures(mined(12), unknown_ms=6 * 3_600_000).available == pytest.approx(12 / 18)


def test_time_in_which_someone_stopped_it_is_not_held_against_a_rig() -> None:
    sums = mined(18)
    sums.stopped_ms = 6 * 3_600_000
    assert figures(sums).available == 1.0
    sums.online_ms = 12 * 3_600_000
    assert figures(sums).available == pytest.approx(12 / 18)
    all_day = figures(RigSums(stopped_ms=DAY_MS))
    assert (all_day.available, all_day.grade) == (None, None)


def test_a_rig_counts_from_its_first_report() -> None:
    assert figures(mined(6), life=Life(7, "cpu-gpu", 0, 18 * 3_600_000, None)).available == 1.0


def test_unknown_is_not_nought() -> None:
    found = figures(mined(24, normal=None))
    assert (found.speed, found.delivered, found.grade, found.energy_j) == (None, None, None, None)
    nothing = figures(RigSums(), life=None)
    assert (nothing.available, nothing.delivered, nothing.grade, nothing.hashrate) == (None, None, None, None)
    dead = figures(RigSums())
    assert (dead.available, dead.delivered, dead.grade.letter) == (0.0, 0.0, "F")


@pytest.mark.parametrize(
    ("delivered", "rejects", "hot", "letter", "says"),
    [
        (0.99, None, 0, "A", ""),
        (0.98, 0.019, 0, "A", ""),
        (0.96, 0.0, 0, "B", "of the time"),
        (0.99, 0.02, 0, "B", "of shares rejected"),
        (0.99, 0.05, 0, "C", "5.0 % of shares rejected"),
        (0.99, 0.0, 599, "A", ""),
        (0.99, 0.0, 600, "B", "too hot for 10 min"),
        (0.99, 0.0, 7200, "C", "too hot for 2 h"),
        (0.76, 0.06, 9000, "D", "of the time"),
        (0.49, 0.0, 0, "F", "of the time"),
    ],
)
def test_grades(delivered: float, rejects: float | None, hot: int, letter: str, says: str) -> None:
    found = grade_of(delivered, delivered, 1.0, rejects, hot, 1.0)
    assert found is not None
    assert found.letter == letter
    assert says in found.reason
