"""What reports are made from: whole days and hours at the ends, the same whichever way it is added up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from history_helpers import START, Farm, a_log

from rigfarm.commander.history.model import DAY_MS, HOUR_MS
from rigfarm.commander.history.reading.sums import farm_by_hour, hashrates_by_hour, rigs_by_hour, sums_by_rig
from rigfarm.commander.history.rollups.days import days_of
from rigfarm.commander.history.writing.retention import forget

FIRST = START // HOUR_MS


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Three days. Rig 7: 100 W, 1 MH/s, hot for a minute in the third hour of each day. Rig 9 reports no power."""
    made = Farm(tmp_path_factory.mktemp("farm"))
    for day in range(3):
        begin = START + day * DAY_MS
        rows = [
            (
                7,
                a_log(
                    begin + n * 60_000, 1e6, accepted=day * 1440 + n, rejected=n // 10, core=[90 if n == 130 else 60]
                ),
            )
            for n in range(1440)
        ]
        made.arrive(rows, [(9, a_log(begin + n * 60_000, 3e6, coin="BTC", power=None)) for n in range(1440)])
    made.interval_s = 60.0
    made.catch_up()
    yield made
    made.close()


def test_whole_days(farm: Farm) -> None:
    found = days_of(farm.store, range(START // DAY_MS, START // DAY_MS + 2))
    assert set(found) == {7, 9}
    assert found[7].reported_ms == pytest.approx(2 * DAY_MS, abs=1)
    assert found[7].mj == pytest.approx(100e3 * 2 * 86_400, rel=1e-4)
    assert found[7].hot_ms == pytest.approx(2 * 60_000)
    assert found[7].coins["KAS"].work == pytest.approx(1e6 * 2 * 86_400, rel=1e-4)
    assert found[7].coins["KAS"].accepted == 2 * 1440 - 1
    assert (found[9].mj, found[9].powered_ms) == (0, 0)


@pytest.mark.parametrize(("begin", "end"), [(0, 72), (5, 53), (5, 9), (23, 25), (24, 48), (30, 31)])
def test_days_and_hours_at_the_ends_are_the_sum_of_hours(farm: Farm, begin: int, end: int) -> None:
    hours = range(FIRST + begin, FIRST + end)
    by_rig = sums_by_rig(farm.store, hours, [7, 9])
    for rig, coin in ((7, "KAS"), (9, "BTC")):
        by_hour = rigs_by_hour(farm.store, [rig], hours)
        assert by_rig[rig].coins[coin].work == sum(by_hour["coin", coin, "work"])
        assert by_rig[rig].mj == sum(by_hour.get(("", "power_w", "mj"), []))
        assert by_rig[rig].degraded_ms + by_rig[rig].online_ms == sum(
            sum(by_hour.get(("state", state, "ms"), [])) for state in ("online", "degraded")
        )
    assert by_rig[7].hot_ms == sum(60_000 for hour in range(begin, end) if hour % 24 == 2)
    of_farm = farm_by_hour(farm.store, ["cpu-gpu"], hours)
    assert sum(of_farm["coin", "KAS", "work"]) == pytest.approx(by_rig[7].coins["KAS"].work, rel=1e-6)
    assert len(of_farm["coin", "KAS", "work"]) == len(hours)


def test_rigs_that_are_not_asked_for_are_left_out(farm: Farm) -> None:
    assert set(sums_by_rig(farm.store, range(FIRST, FIRST + 30), [9])) == {9}


def test_hashrates_of_rigs_hour_by_hour(farm: Farm) -> None:
    hours = range(FIRST + 20, FIRST + 75)
    found = hashrates_by_hour(farm.store, {7: "KAS", 9: "KAS", 4711: "BTC"}, hours)
    assert set(found) == {7}
    assert found[7][:53] == pytest.approx([1e6] * 53, rel=1e-4), "the last log counts for a minute of the next day"
    assert found[7][53:] == [None] * 2


def test_a_removed_rig_leaves_no_days(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(7, a_log(START + n * 5_000)) for n in range(720)])
    farm.catch_up()
    days = range(START // DAY_MS, START // DAY_MS + 1)
    assert set(days_of(farm.store, days)) == {7}
    forget(farm.store, [7], START + HOUR_MS)
    assert days_of(farm.store, days) == {}
    farm.close()
