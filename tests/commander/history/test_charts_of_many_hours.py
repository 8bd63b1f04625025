"""Rows of a table that are read together give the chart that each of them gives by itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from history_helpers import START

from rigfarm.commander.history.chunks.codes import UNKNOWN, code
from rigfarm.commander.history.chunks.columns import Key, pack
from rigfarm.commander.history.model import HOUR_MS, row_id
from rigfarm.commander.history.reading import of_rig
from rigfarm.commander.history.reading.course import Buckets
from rigfarm.commander.history.reading.ranges import TimeRange
from rigfarm.commander.history.store import Store

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
