"""What the page of sizes says, against sizes by hand."""

from __future__ import annotations

from pathlib import Path

from history_helpers import START, Farm, a_log

from rigfarm.commander.history.model import DAY_MS, HOUR_MS, Keep, row_id
from rigfarm.commander.history.reading.sizes import sizes
from rigfarm.commander.history.view import sizes_view

KEEP = Keep(raw=48, minutes=30 * 24, hours=730 * 24)


def test_nothing_is_known_of_an_empty_history(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    found = sizes(farm.store, tmp_path / "history.db", KEEP)
    assert (found.rigs, found.until_ms, found.full_bytes, found.in_days(30)) == (0, 0, None, None)
    page = sizes_view(found)
    assert (page.until, page.year, page.full, page.too_large) == ("", "–", "–", False)
    assert {row.day for row in page.rows} == {"–"}


def test_a_day_is_reckoned_from_the_last_hour_that_is_over(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(rig, a_log(START + n * 60_000)) for n in range(90) for rig in (7, 8)], at_ms=START + 90 * 60_000)
    farm.catch_up()
    found = sizes(farm.store, tmp_path / "history.db", KEEP)
    hour, slot = START // HOUR_MS, START // 600_000
    minutes = sum(len(farm.store.get("minutes", row_id(hour, rig)) or b"") + 12 for rig in (7, 8))
    raw = sum(len(farm.store.get("raw", row_id(slot + n, rig)) or b"") + 12 for n in range(6) for rig in (7, 8))
    assert found.tables["minutes"].day_bytes == minutes * 24
    assert found.tables["raw"].day_bytes == raw * 24
    assert found.tables["raw"].since_ms == START
    assert found.tables["hours"].day_bytes is None, "no day is over"
    assert (found.tables["raw"].kept_days, found.tables["minutes"].kept_days) == (2.0, 30.0)
    assert found.tables["raw"].full_bytes == raw * 24 * 2
    assert found.rigs == 2
    full, year = found.full_bytes, found.in_days(365)
    assert full is not None
    assert year is not None
    assert found.in_days(0) == found.file_bytes
    later = [found.in_days(days) or 0 for days in range(0, 800, 50)]
    assert later == sorted(later), "it only grows"
    assert later[-1] - found.file_bytes <= full, "and not beyond what is kept"


def test_a_day_of_hours_is_reckoned_from_the_last_day(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(7, a_log(START + n * HOUR_MS)) for n in range(30)], at_ms=START + 30 * HOUR_MS)
    farm.catch_up()
    found = sizes(farm.store, tmp_path / "history.db", KEEP)
    body = farm.store.get("hours", row_id(START // DAY_MS, 7))
    assert body is not None
    assert found.tables["hours"].day_bytes == len(body) + 12
