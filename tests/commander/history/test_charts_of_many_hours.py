"""Rows of a table that are read together give the chart that each of them gives by itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from history_helpers import START

from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.codes import UNKNOWN, code
from rigfarm.commander.history.chunks.columns import Key, pack
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, row_id
from rigfarm.commander.history.reading import of_rig
from rigfarm.commander.history.reading.course import Buckets
from rigfarm.commander.history.reading.ranges import TimeRange
from rigfarm.commander.history.rollups.minutes import Pace, minutes
from rigfarm.commander.history.store import KNOWN_BY, Store
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

HOURS = 60


@pytest.mark.parametrize("resolution_s", [60, 300, 600])
def test_a_chart_of_days_is_that_of_each_of_its_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolution_s: int
) -> None:
    store = Store(tmp_path / "history.db")
    chance = random.Random(resolution_s)
    with store.transaction():
        store.put(
            "minutes",
            ((row_id(START // HOUR_MS + n, 1), _hour(chance, n)) for n in range(HOURS) if n not in (7, 30, 31)),
        )
    end = START + HOURS * HOUR_MS - 1_234_000
    span = TimeRange(from_ms=START + 1_234_000, to_ms=end, begin="", end="")
    buckets = Buckets(span, resolution_s, end)
    together = of_rig.lines_of_rig(store, rig=1, buckets=buckets, devices=True)
    monkeypatch.setattr(of_rig, "TOGETHER", 1)
    assert together == of_rig.lines_of_rig(store, rig=1, buckets=buckets, devices=True)
    hashrate = next(line for line in together if line.group == "hashrate")
    assert sum(one is None for one in hashrate.values) >= 3 * 3600 // resolution_s - 1
    store.close()


def test_a_week_ten_by_ten_is_that_of_its_minutes(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    chance = random.Random(3)
    first = START // HOUR_MS
    with store.transaction():
        store.put(
            "minutes", ((row_id(first + n, rig), _hour(chance, n)) for n in range(HOURS) for rig in (1, 2) if n != 30)
        )
        store.set_note("until_ms", START + HOURS * HOUR_MS)
    end = START + HOURS * HOUR_MS - 1_234_000
    buckets = Buckets(TimeRange(from_ms=START + 1_234_000, to_ms=end, begin="", end=""), 600, end)

    def chart() -> object:
        return of_rig.lines_of_rig(store, rig=1, buckets=buckets, devices=True)

    def days() -> list[int]:
        return sorted((row >> 32) - START // DAY_MS for row, _ in store.between("tens", 0, 1 << 62) if row & 1)

    minutes = chart()
    while make_derived(store, breathe=lambda _: None, most=1):
        pass
    assert days() == [0, 1], "whole days"
    assert chart() == minutes

    with store.transaction():
        store.put("minutes", [(row_id(first + 5, 1), _hour(chance, 5))])
        store.delete("minutes", [row_id(first + 30, 2)])
    assert days() == [1], "what is not right any more is gone"
    minutes = chart()
    make_derived(store, breathe=lambda _: None)
    assert days() == [0, 1]
    assert chart() == minutes

    with store.transaction():
        store.put("tens", [(row_id(START // DAY_MS, 1), b"damaged")])
    assert chart() == minutes, "its minutes are read"
    with store.transaction():
        store.put("minutes", [(row_id(first + 6, 1), b"damaged")])
    make_derived(store, breathe=lambda _: None)
    assert days() == [1], "a day with a damaged hour is left to its minutes"
    store.close()


def test_what_an_earlier_version_wrote_last_was_derived_from_other_minutes(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    with store.transaction():
        store.put("minutes", [(row_id(START // HOUR_MS, 1), _hour(random.Random(1), 1))])
        store.set_note("until_ms", START + DAY_MS)
        for name in ("position", *KNOWN_BY):
            store.set_note(name, 7)
    make_derived(store, breathe=lambda _: None)
    store.close()

    def tables() -> list[bool]:
        store = Store(tmp_path / "history.db")
        found = [store.first(table) is not None for table in ("minute_briefs", "tens")]
        store.close()
        return found

    assert tables() == [True, True]
    store = Store(tmp_path / "history.db")
    for name in ("position", "briefs_position"):
        store.set_note(name, 8)  # by a version that knows briefs only
    store.close()
    assert tables() == [True, False]


def test_what_is_not_wanted_is_not_reckoned_and_changes_nothing_else() -> None:
    chunk = Chunk()
    chunk.add(
        OperationalLog(
            t=START + 5_000 * n,
            power_w=100.0 + n,
            workloads=[Workload(coin="XMR", hashrate=1e3 + n, accepted=n)],
            devices=Devices.from_rows([Device("gpu", 0, core_c=50.0 + n % 7, power_w=90.0, hashrates=[1e3])]),
        )
        for n in range(120)
    )
    every = minutes(chunk.order(), None, START, 10, Pace(5.0))
    some = minutes(chunk.order(), None, START, 10, Pace(5.0), wanted=lambda key: key[0] in ("coin", ""))
    left = {key for key in every if key[0].startswith("gpu")}
    assert {("gpu0", "core_c", "max"), ("gpu0:rate", "XMR", "mean")} <= left
    assert some == {key: column for key, column in every.items() if key not in left and key[0] != "watts"}


def _hour(chance: random.Random, number: int) -> bytes:
    """A GPU comes in the 20th hour; now and then nothing is known, and nothing was mined."""
    columns: dict[Key, list[int]] = {}
    for scope, name in [("coin", "XMR"), ("", "power_w"), *((f"gpu{n}", "core_c") for n in range(1 + (number >= 20)))]:
        known = [chance.random() > 0.1 for _ in range(60)]
        means = [chance.uniform(1, 100) for _ in known]
        columns[scope, name, "mean"] = [code(one) if ok else UNKNOWN for one, ok in zip(means, known, strict=True)]
        columns[scope, name, "max"] = [code(2 * one) if ok else UNKNOWN for one, ok in zip(means, known, strict=True)]
        if not scope.startswith("gpu"):
            columns[scope, name, "ms"] = [chance.randint(1, 60_000) if ok else UNKNOWN for ok in known]
    return pack(60, columns)
