"""What is said of logs in brief is what the logs say, whatever came late, was removed or ended in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from history_helpers import START, Dying, Farm, PowerCut, a_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from rigfarm.commander.history.chunks.brief import Briefs, brief_of, pack_briefs
from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.columns import Columns, DamagedError
from rigfarm.commander.history.happened.facts import Happened, StateWas
from rigfarm.commander.history.happened.rows import added, runs, write
from rigfarm.commander.history.model import BRIEF_RIGS, HOUR_MS, SLOT_MS, row_id
from rigfarm.commander.history.reading.then import farm_then
from rigfarm.commander.history.rollups.as_log import hour_in_brief, minute_as_log
from rigfarm.commander.history.rollups.minutes import MINUTE_MS, Pace
from rigfarm.commander.history.store import Reader, Store
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.commander.history.writing.merge import Merge
from rigfarm.commander.history.writing.retention import forget
from rigfarm.commander.stats.contribution import Contribution, contribution_of
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

PACE = Pace(5.0)
RIGS = (7, 8, 9, BRIEF_RIGS + 1)
NEVER: Any = {"breathe": lambda _: None}

numbers = st.none() | st.sampled_from([0.0, -1.0, 1e6, 1e17, 1e30, float("nan")]) | st.floats(0, 2.0**40, width=32)
counts = st.none() | st.integers(-1, 1 << 50)
workloads = st.builds(
    Workload,
    coin=st.sampled_from(["KAS", "XMR", None]),
    algorithm=st.sampled_from(["kaspa", None]),
    hashrate=numbers,
    accepted=counts,
    rejected=counts,
)


@st.composite
def logs(draw: st.DrawFn) -> list[OperationalLog]:
    """Of one rig in ten minutes."""
    found = []
    for t in draw(st.lists(st.integers(0, SLOT_MS - 1), min_size=1, max_size=6, unique=True)):
        mined = draw(st.lists(workloads, max_size=2))
        rates = [draw(st.sampled_from([None, 0.0, 1e6])) for _ in mined]
        devices = [Device("gpu", n, hashrates=rates, power_w=draw(numbers)) for n in range(draw(st.integers(0, 2)))]
        log = OperationalLog(t=START + t, power_w=draw(numbers), workloads=mined, devices=Devices.from_rows(devices))
        found.append(log)
    return found


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(1, 1 << 31), logs(), min_size=1, max_size=2), st.data())
def test_at_any_time_it_is_what_the_last_log_adds(farm: dict[int, list[OperationalLog]], data: st.DataObject) -> None:
    chunks = {}
    for rig, some in farm.items():
        chunk = Chunk()
        chunk.add(some)
        chunks[rig] = chunk.pack()
    briefs = Briefs(pack_briefs({rig: brief_of(body) for rig, body in chunks.items()}, []))
    times = sorted(log.t for some in farm.values() for log in some)
    around = [t + more for t in times for more in (-1, 0, 1)]
    for t_ms in [*around, data.draw(st.integers(START - 10, START + SLOT_MS + 10))]:
        wanted = {}
        for rig, body in chunks.items():
            before = [log for log in Chunk.unpack(body).logs() if log.t <= t_ms]
            if before and rig not in briefs.unread:
                wanted[rig] = (before[-1].t, contribution_of(before[-1]))
        assert briefs.at(t_ms) == wanted


def test_what_no_column_can_hold_is_left_to_the_logs() -> None:
    brief = [(START, contribution_of(a_log(START, 1e18)))]
    assert Briefs(pack_briefs({7: brief, 8: [(START, Contribution())]}, [9])).unread == [7, 9]


def test_what_is_damaged_is_said_to_be() -> None:
    packed = pack_briefs({7: [(START, contribution_of(a_log(START)))]}, [])
    for body in (b"", packed[:-3], packed[:10] + bytes([packed[10] ^ 1]) + packed[11:]):
        with pytest.raises(DamagedError):
            Briefs(body)


# In a history


def known(reader: Reader, t_ms: int, *, brief: bool) -> dict[int, tuple[int, Contribution]]:
    """Of each rig at a time: when its last log was, and what it added."""
    found = farm_then(reader, t_ms, PACE, brief=brief)
    assert set(found.brief) == (set(RIGS) if brief else set())
    return {
        one.life.rig: one.brief or (one.log.t, contribution_of(one.log))
        for one in found.rigs
        if one.brief is not None or one.log is not None
    }


def same(reader: Reader, until_ms: int = 2 * SLOT_MS) -> None:
    for t_ms in range(START - 1_000, START + until_ms, 17_000):
        assert known(reader, t_ms, brief=True) == known(reader, t_ms, brief=False), t_ms - START


def same_by_minute(store: Store) -> None:
    """Where logs are no longer kept."""
    kept_since = store.note("raw_floor_ms") or 0
    with store.transaction():
        store.set_note("raw_floor_ms", START + HOUR_MS)
    same(store)
    with store.transaction():
        store.set_note("raw_floor_ms", kept_since)


def a_farm(folder: Path, step: int = 2) -> Farm:
    """Four rigs over twenty minutes; one of them falls silent."""
    farm = Farm(folder, dict.fromkeys(RIGS, "cpu-gpu"))
    with farm.store.transaction():
        runs(farm.store, START - 60_000, START + 3_600_000)
        for rig in RIGS:
            added(farm.store, rig, "cpu-gpu", START - 60_000)
        write(farm.store, [Happened(START - 60_000, rig, StateWas("online")) for rig in RIGS])
    farm.arrive(some(RIGS, range(0, 120, step)), at_ms=START + 2 * SLOT_MS)
    return farm


def some(rigs: Sequence[int], steps: Sequence[int]) -> list[tuple[int, OperationalLog]]:
    return [
        (rig, a_log(START + n * 10_000 + rig, 1e6 * rig + n, accepted=n, power=None if n % 7 == 1 else 100.0 + n))
        for n in steps
        for rig in rigs
        if rig != 9 or n < 50
    ]


def rows(store: Store, table: str = "briefs") -> list[tuple[int, bytes]]:
    return store.db.execute(
        f"SELECT id, body FROM {table} UNION ALL SELECT id, body FROM {table}_open ORDER BY id"
    ).fetchall()


def test_it_is_made_of_what_is_over_and_found_as_the_logs_are(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.catch_up()
    same(farm.store)
    while make_derived(farm.store, **NEVER, most=1):
        pass
    slot = START // SLOT_MS
    assert [row for row, _ in rows(farm.store)] == [row_id(slot + n, group) for n in (0, 1) for group in (0, 1)]
    same(farm.store)
    farm.close()


def test_late_logs_are_in_it(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.catch_up()
    make_derived(farm.store, **NEVER)
    before = known(farm.store, START + 35_000, brief=True)
    farm.arrive(some((8,), range(1, 60, 2)), at_ms=START + 2 * SLOT_MS)
    farm.catch_up()
    assert len(rows(farm.store)) == 3, "what is not right any more is gone at once"
    same(farm.store)
    make_derived(farm.store, **NEVER)
    assert len(rows(farm.store)) == 4
    same(farm.store)
    after = known(farm.store, START + 35_000, brief=True)
    assert after[8][0] == before[8][0] + 10_000
    farm.close()


def test_minutes_say_in_brief_what_they_say_at_length(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    gpus = [
        Device("gpu", 0, hashrates=[1e6, None], power_w=70.0),
        Device("gpu", 1, hashrates=[None, 1e3], power_w=30.0),
    ]
    more, both = [Workload(coin="XMR", hashrate=1e3)], Devices.from_rows(gpus)
    two_coins = [
        structs.replace(log, workloads=log.workloads + more, devices=both) for _, log in some((7,), range(1, 30, 2))
    ]
    only_hot = [structs.replace(log, power_w=None, workloads=[]) for _, log in some((8,), range(61, 119, 2))]
    only_hot = [structs.replace(log, devices=Devices.from_rows([Device("gpu", 0, core_c=60.0)])) for log in only_hot]
    farm.arrive([(7, log) for log in two_coins] + [(8, log) for log in only_hot], at_ms=START + 2 * SLOT_MS)
    farm.catch_up()
    same_by_minute(farm.store)
    assert len(known(farm.store, START + 60_000, brief=True)[7][1].coins) == 2
    farm.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slots=st.lists(logs(), min_size=1, max_size=3))
def test_an_hour_in_brief_is_what_each_of_its_minutes_adds(slots: list[list[OperationalLog]], tmp_path: Path) -> None:
    """Of every other ten minutes of an hour there are logs."""
    store = Store(tmp_path / "history.db")
    merge = Merge(store, 7, PACE, {"raw": {}, "minutes": {}, "hours": {}})
    merge.add([structs.replace(log, t=log.t + 2 * n * SLOT_MS) for n, some in enumerate(slots) for log in some])
    store.close()
    hour = START // HOUR_MS
    columns = Columns(merge.changed["minutes"][row_id(hour, 7)])
    wanted = {}
    for minute in range(60):
        log = minute_as_log(columns, START + minute * MINUTE_MS + 7)
        if log is not None:
            wanted[log.t] = contribution_of(log)
    assert dict(hour_in_brief(columns, hour)) == wanted


def test_an_hour_that_is_over_is_written_in_brief(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.arrive([(7, a_log(START + HOUR_MS + 1))], at_ms=START + HOUR_MS)
    farm.catch_up()
    of_groups = [row_id(START // HOUR_MS, group) for group in (0, 1)]
    assert rows(farm.store, "minute_briefs") == []
    make_derived(farm.store, **NEVER)
    same_by_minute(farm.store)
    made = rows(farm.store, "minute_briefs")
    assert [row for row, _ in made] == of_groups
    farm.arrive(some((8,), range(1, 60, 2)), at_ms=START + HOUR_MS)
    farm.catch_up()
    assert [row for row, _ in rows(farm.store, "minute_briefs")] == of_groups[1:], "what is not right any more is gone"
    same_by_minute(farm.store)
    make_derived(farm.store, **NEVER)
    assert [row for row, _ in rows(farm.store, "minute_briefs")] == of_groups
    assert rows(farm.store, "minute_briefs") != made
    same_by_minute(farm.store)
    forget(farm.store, [8], START + HOUR_MS)
    assert [row for row, _ in rows(farm.store, "minute_briefs")] == of_groups[1:]
    farm.close()


def test_ten_minutes_that_go_on_are_not_written_in_brief(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.arrive(some(RIGS, range(120, 130)), at_ms=START + 2 * SLOT_MS + 100_000)
    farm.catch_up()
    make_derived(farm.store, **NEVER)
    assert {row >> 32 for row, _ in rows(farm.store)} == {START // SLOT_MS, START // SLOT_MS + 1}
    same(farm.store, 2 * SLOT_MS + 300_000)
    farm.close()


def test_damaged_rows_are_passed_over(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.catch_up()
    make_derived(farm.store, **NEVER)
    with farm.store.transaction():
        farm.store.db.execute("UPDATE briefs SET body = x'00'")
        farm.store.db.execute("UPDATE briefs_open SET body = x'00'")
    same(farm.store)
    with farm.store.transaction():
        farm.store.put("raw", [(row_id(START // SLOT_MS, 7), b"\x00")])
    make_derived(farm.store, **NEVER)
    same(farm.store)
    farm.close()


def test_nothing_is_left_of_a_removed_rig(tmp_path: Path) -> None:
    farm, only = a_farm(tmp_path), a_farm(tmp_path / "only")
    farm.catch_up()
    make_derived(farm.store, **NEVER)
    forget(farm.store, [8], START + 2 * SLOT_MS)
    assert {row & 0xFFFFFFFF for row, _ in rows(farm.store)} == {1}, "not for a moment"
    make_derived(farm.store, **NEVER)
    del only.rigs[8]
    only.catch_up()
    make_derived(only.store, **NEVER)
    assert rows(farm.store) == rows(only.store)
    farm.close()
    only.close()


def test_what_an_earlier_version_wrote_meanwhile_is_read(tmp_path: Path) -> None:
    farm = a_farm(tmp_path)
    farm.catch_up()
    make_derived(farm.store, **NEVER)
    farm.close()
    farm = Farm(tmp_path, farm.rigs)
    assert len(rows(farm.store)) == 4
    with farm.store.transaction():
        farm.store.set_note("position", 77)
    farm.close()
    farm = Farm(tmp_path, farm.rigs)
    assert rows(farm.store) == []
    same(farm.store)
    farm.close()


def test_an_end_at_any_statement_changes_nothing(tmp_path: Path) -> None:
    """Late logs come, and their brief is made again; the process ends in the middle of it."""

    def late(farm: Farm) -> None:
        farm.arrive(some((7, 8), range(1, 60, 20)), at_ms=START + 2 * SLOT_MS)
        farm.catch_up()
        make_derived(farm.store, **NEVER)

    whole = a_farm(tmp_path / "whole", 12)
    late(whole)
    wanted = rows(whole.store)
    same(whole.store)
    whole.close()
    at, ended = 0, True
    while ended:
        farm = a_farm(tmp_path / str(at), 12)
        farm.catch_up()
        make_derived(farm.store, **NEVER)
        real = farm.store.db
        farm.store.db = Dying(real, at)  # type: ignore[assignment]
        try:
            late(farm)
            farm.store.db, ended = real, False
        except PowerCut:
            real.close()
            farm.store = Store(farm.folder / "history.db")
            same(farm.store, SLOT_MS // 10)
            farm.catch_up()
        make_derived(farm.store, **NEVER)
        assert rows(farm.store) == wanted, at
        farm.close()
        at += 4
    assert at > 10
