"""What is too old leaves, and not one row more."""

from __future__ import annotations

import tempfile
from pathlib import Path

from history_helpers import START, Farm, a_log
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.commander.history.model import HOUR_MS, TABLES, Keep, Table, row_id
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.retention import Retention, forget
from rigfarm.commander.history.writing.step import LOGS_OF_RIG

DAYS = 40


class Clocks:
    """The time of day, and the time that passed."""

    def __init__(self) -> None:
        self.wall_ms = START
        self.passed_s = 0.0

    def pass_hours(self, hours: float) -> None:
        self.wall_ms += round(hours * HOUR_MS)
        self.passed_s += hours * 3600

    def retention(self, store: Store, keep: Keep) -> Retention:
        return Retention(store, keep, monotonic=lambda: self.passed_s, wall_ms=lambda: self.wall_ms)


def numbers(store: Store, table: Table) -> list[int]:
    every = f"SELECT id FROM {table} UNION ALL SELECT id FROM {table}_open ORDER BY id"
    return [row >> 32 for (row,) in store.db.execute(every)]


def fill(store: Store) -> dict[Table, list[int]]:
    """A row of each table for each span of the last forty days."""
    filled: dict[Table, list[int]] = {}
    with store.transaction():
        for table, span_ms in TABLES.items():
            filled[table] = list(range((START - DAYS * 24 * HOUR_MS) // span_ms, START // span_ms + 1))
            store.put(table, ((row_id(number, 7), b"") for number in filled[table]))
    return filled


@settings(max_examples=20, deadline=None)
@given(st.floats(1, 200), st.floats(1, 900), st.floats(1, 1_000), st.lists(st.floats(0, 300), max_size=4))
def test_exactly_the_rows_before_the_border_leave(
    raw: float, minutes: float, hours: float, passing: list[float]
) -> None:
    keep = Keep(raw=raw, minutes=minutes, hours=hours)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "history.db")
        filled = fill(store)
        clocks = Clocks()
        retention = clocks.retention(store, keep)
        for pause in [float(DAYS * 24), *passing]:
            # Half of the time is enough to follow a clock that goes right.
            clocks.passed_s += pause * 1800
            while retention.run():
                pass
            for table, span_ms in TABLES.items():
                border = round(clocks.wall_ms - keep.of(table)) // span_ms
                assert numbers(store, table) == [one for one in filled[table] if one >= border], table
            clocks.pass_hours(pause)
        store.close()


def test_a_clock_that_jumps_ahead_takes_no_more_than_twice_the_time_that_passed(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    clocks = Clocks()
    clocks.wall_ms -= 10 * 24 * HOUR_MS
    retention = clocks.retention(store, Keep(raw=48))
    retention.run()
    fill(store)
    before = numbers(store, "hours")
    clocks.wall_ms += 365 * 24 * HOUR_MS
    clocks.passed_s += 3600
    while retention.run():
        pass
    assert numbers(store, "raw")[0] * TABLES["raw"] >= START - (12 * 24 - 2) * HOUR_MS - TABLES["raw"]
    assert numbers(store, "hours") == before


def test_each_round_deletes_a_bounded_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    clocks = Clocks()
    fill(store)
    count = len(numbers(store, "raw"))
    clocks.passed_s = 1e9
    retention = clocks.retention(store, Keep(raw=48))
    retention._last = 0.0
    assert retention.run()
    assert count - len(numbers(store, "raw")) == 2_000


def test_what_is_made_from_logs_is_kept_longer_than_these() -> None:
    keep = Keep(raw=100, minutes=1, hours=1)
    assert keep.of("raw") < keep.of("minutes") < keep.of("hours")


def test_a_removed_rig_s_history_goes_and_no_other(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(rig, a_log(START + n * 60_000)) for rig in (7, 8) for n in range(300)])
    farm.catch_up()
    only = Farm(tmp_path / "only")
    only.arrive([(8, a_log(START + n * 60_000)) for n in range(300)])
    only.catch_up()
    forget(farm.store, [7], START)
    left, wanted = farm.content(), only.content()
    for table in ("raw", "minutes", "hours"):
        assert left[table] == wanted[table]
    assert farm.store.rigs() == [8]


def test_a_log_from_before_what_is_kept_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    with farm.store.transaction():
        farm.store.set_note("raw_floor_ms", START)
    farm.arrive([(7, a_log(START - 1)), (7, a_log(START + HOUR_MS))], at_ms=START + HOUR_MS)
    done = farm.step()
    assert (done.taken, done.untimely) == (1, 1)


def test_a_log_from_the_future_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(7, a_log(START + 2 * HOUR_MS))], at_ms=START)
    assert farm.step().untimely == 1


def test_many_logs_of_one_rig_are_taken_some_at_a_time(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    count = 2 * LOGS_OF_RIG + 100
    farm.arrive([(7, a_log(START + n * 5_000)) for n in reversed(range(count))])
    assert farm.step().taken == count
    assert farm.minutes(7)["coin", "KAS", "ms"] == [60_000] * 60
