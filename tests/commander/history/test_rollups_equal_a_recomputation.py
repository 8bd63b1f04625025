"""Whatever the order in which logs come, however late and however often: the history is that of the set of them."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest
from history_helpers import START, Arrival, Farm, a_log
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.columns import Columns
from rigfarm.commander.history.happened.facts import Happened, NormalWas
from rigfarm.commander.history.happened.rows import write
from rigfarm.commander.history.model import place_of, row_id
from rigfarm.commander.history.rollups.states import STATES, state_of, states_of
from rigfarm.commander.history.rollups.totals import joined
from rigfarm.commander.stats.condition import condition
from rigfarm.wire.log import Device, DeviceKind, Devices, OperationalLog, Workload, WorkloadState

HOLD_MS = 15_000
REACH_MS = 600_000
quick = settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking a farm's logs takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def courses(draw: st.DrawFn) -> list[OperationalLog]:
    """Logs of a rig: steady, with gaps, with unknown values, with programs that restart, over up to two hours."""
    t = START + draw(st.integers(0, 3_600_000))
    found: list[OperationalLog] = []
    accepted = draw(st.integers(0, 1_000))
    for _ in range(draw(st.integers(1, 60))):
        t += draw(st.sampled_from([1, 999, 5_000, 5_000, 5_000, 15_000, 15_001, 61_000, 400_000, 700_000]))
        accepted = draw(st.sampled_from([accepted, accepted + 1, accepted + 7, 0, 3]))
        found.append(
            a_log(
                t,
                draw(st.sampled_from([None, 0.0, 1e6, 3.3e8, 1.234567e7, float("nan")])),
                coin=draw(st.sampled_from(["KAS", "XMR"])),
                power=draw(st.sampled_from([None, 0.0, 100.0, 1234.5])),
                accepted=draw(st.sampled_from([accepted, accepted, None])),
                core=draw(st.sampled_from([[], [60.0], [60.0, 71.5], [None, 65.0]])),
            )
        )
    return found


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Arrival], list[list[Arrival]]]:
    """(all logs, rows in which they come): shuffled, cut anywhere, some of them twice."""
    logs = [(rig, log) for rig in (7, 9) for log in draw(courses())]
    order = list(logs)
    draw(st.randoms(use_true_random=False)).shuffle(order)
    order += draw(st.lists(st.sampled_from(logs), max_size=5))
    rows, size = [], draw(st.integers(6, 40))
    for at in range(0, len(order), size):
        rows.append(order[at : at + size])
    return logs, rows


def in_order(folder: Path, logs: list[Arrival], interval_s: float = 5.0) -> Farm:
    """All at once, in order of time."""
    farm = Farm(folder)
    farm.interval_s = interval_s
    farm.arrive(sorted(logs, key=lambda one: one[1].t))
    farm.catch_up()
    return farm


@quick
@given(deliveries(), st.sampled_from([5.0, 600.0, 3600.0]))
def test_order_and_doubles_change_nothing(
    delivered: tuple[list[Arrival], list[list[Arrival]]], interval_s: float
) -> None:
    logs, rows = delivered
    with tempfile.TemporaryDirectory() as folder:
        wanted = in_order(Path(folder) / "a", logs, interval_s)
        farm = Farm(Path(folder) / "b")
        farm.interval_s = interval_s
        for row in rows:
            farm.arrive(row)
            farm.step()
        assert farm.content() == wanted.content()
        farm.close()
        wanted.close()


@quick
@given(courses())
def test_minutes_are_what_a_walk_over_all_logs_finds(logs: list[OperationalLog]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        farm = in_order(Path(folder) / "a", [(7, log) for log in logs])
        wanted = walked(logs)
        for hour in range(3):
            found = farm.minutes(7, START + hour * 3_600_000)
            for minute in range(60):
                at = START + hour * 3_600_000 + minute * 60_000
                row = {key: column[minute] for key, column in found.items() if column[minute] is not None}
                expected = wanted.get(at, {})
                assert row.keys() == expected.keys()
                for key, number in row.items():
                    rough = 3e-3 if key[0].startswith("gpu") else 2e-5
                    assert number == pytest.approx(expected[key], rel=rough, abs=1e-9), key
        farm.close()


def walked(logs: list[OperationalLog]) -> dict[int, dict[tuple[str, ...], float]]:
    """Minutes by another way: for each second, what was true in it; and each counter by itself."""
    pieces: dict[tuple[int, tuple[str, str]], list[tuple[float, int]]] = defaultdict(list)
    found: dict[int, dict[tuple[str, ...], float]] = defaultdict(dict)
    for n, log in enumerate(logs):
        end = min(logs[n + 1].t if n + 1 < len(logs) else log.t + HOLD_MS, log.t + HOLD_MS)
        for minute in range(log.t // 60_000 * 60_000, end, 60_000):
            lasts = min(end, minute + 60_000) - max(log.t, minute)
            if lasts <= 0:
                continue
            state = condition(
                log, link_up=True, last_seen_age_s=0.0, interval_s=5.0, normal_hashrate=lambda _coin: None
            ).state
            for one in STATES:
                found[minute].setdefault(("state", one, "ms"), 0)
            found[minute]["state", state, "ms"] = found[minute]["state", state, "ms"] + lasts
            for name, number in figures(log).items():
                pieces[minute, name].append((number, lasts))
        if n and log.t - logs[n - 1].t <= REACH_MS:
            new = new_shares(logs[n - 1], log)
            if new:
                minute = log.t // 60_000 * 60_000
                key = ("coin", log.workloads[0].coin or "", "accepted")
                found[minute][key] = found[minute].get(key, 0) + new
    for (minute, (scope, name)), parts in pieces.items():
        of = found[minute]
        lasts = sum(weight for _, weight in parts)
        of[scope, name, "mean"] = sum(number * weight for number, weight in parts) / lasts
        if scope != "watts":
            of[scope, name, "max"] = max(number for number, _ in parts)
        if scope in ("", "coin"):
            of[scope, name, "min"] = min(number for number, _ in parts)
        if scope in ("", "coin", "watts"):
            of[scope, name, "ms"] = lasts
    return found


def figures(log: OperationalLog) -> dict[tuple[str, str], float]:
    """What a log measures."""
    found: dict[tuple[str, str], float] = {}
    coin, rate = log.workloads[0].coin or "", log.workloads[0].hashrate
    if log.power_w is not None:
        found["", "power_w"] = log.power_w
    if rate is not None and rate == rate:
        found["coin", coin] = rate
        if log.power_w is not None:
            found["watts", coin] = log.power_w
    for device in log.devices:
        if device.core_c is not None:
            found[f"gpu{device.index}", "core_c"] = device.core_c
    return found


def new_shares(before: OperationalLog, after: OperationalLog) -> int:
    """Of one workload, which is another one when it mines another coin."""
    old, new = before.workloads[0], after.workloads[0]
    if old.coin != new.coin or new.accepted is None or old.accepted is None:
        return 0
    return new.accepted if new.accepted < old.accepted else new.accepted - old.accepted


@quick
@given(deliveries())
def test_totals_are_the_sums_of_what_is_stored(delivered: tuple[list[Arrival], list[list[Arrival]]]) -> None:
    _, rows = delivered
    with tempfile.TemporaryDirectory() as folder:
        farm = Farm(Path(folder) / "a")
        for row in rows:
            farm.arrive(row)
            farm.step()
        for rig, kind in farm.rigs.items():
            if rig == 8:
                continue  # has no logs
            for hour in range(3):
                number = START // 3_600_000 + hour
                body = farm.store.get("minute_totals", row_id(number, place_of(kind)))
                totals = joined(Columns(body).all()) if body is not None else {}
                found = farm.minutes(rig, START + hour * 3_600_000)
                for coin in ("KAS", "XMR"):
                    rates = found.get(("coin", coin, "mean"), [None] * 60)
                    times = found.get(("coin", coin, "ms"), [None] * 60)
                    work = [round((rate or 0) * (ms or 0) / 1000) for rate, ms in zip(rates, times, strict=True)]
                    assert totals.get(("coin", coin, "work"), [0] * 60) == work
                    new = [one or 0 for one in found.get(("coin", coin, "accepted"), [0] * 60)]
                    assert totals.get(("coin", coin, "accepted"), [0] * 60) == new
        farm.close()


def test_a_counter_that_falls_began_again(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    counts = [100, 103, 4, 5]
    farm.arrive([(7, a_log(START + n * 5_000, accepted=count)) for n, count in enumerate(counts)])
    farm.step()
    assert farm.minutes(7)["coin", "KAS", "accepted"][0] == 3 + 4 + 1


def test_a_program_that_began_since_the_last_log_counts_from_nothing(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive(
        [
            (7, a_log(START, coin="XMR", accepted=100)),
            (7, a_log(START + 5_000, accepted=2, uptime_s=4.0)),
            (8, a_log(START, coin="XMR", accepted=100)),
            (8, a_log(START + 5_000, accepted=2_000, uptime_s=90_000.0)),
        ]
    )
    farm.step()
    assert farm.minutes(7)["coin", "KAS", "accepted"][0] == 2
    assert ("coin", "KAS", "accepted") not in farm.minutes(8)


def test_a_backlog_of_a_day_lands_where_it_belongs(tmp_path: Path) -> None:
    logs = [(7, a_log(START + n * 60_000, 1e6 + n, accepted=n)) for n in range(1_440)]
    wanted = in_order(tmp_path / "a", logs)
    farm = Farm(tmp_path / "b")
    farm.arrive(logs[-10:])
    farm.step()
    pieces = [logs[at : at + 100] for at in range(0, 1_440, 100)]
    random.Random(3).shuffle(pieces)
    farm.arrive(*pieces)
    farm.catch_up()
    assert farm.content() == wanted.content()


def test_energy_is_power_over_the_time_in_which_it_is_known(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    powers = [100.0] * 6 + [None] * 3 + [300.0] * 3
    farm.arrive([(7, a_log(START + n * 5_000, power=power)) for n, power in enumerate(powers)])
    farm.step()
    minute = farm.minutes(7)
    ms, watts = minute["", "power_w", "ms"][0], minute["", "power_w", "mean"][0]
    assert ms == 45_000
    assert watts is not None
    assert watts * ms / 1000 == pytest.approx(100.0 * 30 + 300.0 * 15, rel=2e-5)


def test_each_state_of_a_rig_that_reports_has_its_time(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(7, OperationalLog(t=START + n * 5_000, workloads=[one])) for n, one in enumerate(WORKLOADS)])
    assert farm.step().failed == 0
    found = farm.minutes(7)
    states = {name: column[0] for (scope, name, _), column in found.items() if scope == "state"}
    assert sum(one or 0 for one in states.values()) == (len(WORKLOADS) - 1) * 5_000 + HOLD_MS
    assert states.keys() == set(STATES)


@st.composite
def troubled(draw: st.DrawFn) -> list[OperationalLog]:
    """Logs of rigs of either kind that are hot, slow, rejecting, short of chips, or well."""
    workloads, devices, found = draw(st.integers(0, 2)), draw(st.integers(0, 2)), []
    kind: DeviceKind = draw(st.sampled_from(["gpu", "hashboard", "cpu"]))
    state: WorkloadState | None = draw(st.sampled_from([None, *get_args(WorkloadState)]))
    counts = st.one_of(st.none(), st.integers(0, 40))
    for n in range(draw(st.integers(1, 6))):
        found.append(
            OperationalLog(
                t=START + n * 5_000,
                workloads=[
                    Workload(
                        software="miner",
                        coin=draw(st.sampled_from(["KAS", "XMR"])) if n % 2 else "KAS",
                        hashrate=draw(st.sampled_from([None, 0.0, 1e6, 2e6, 1e25, -1.0])),
                        accepted=draw(counts),
                        rejected=draw(counts),
                        state=state,
                        uptime_s=draw(st.sampled_from([None, 10.0, 9_999.0])),
                        expected_hashrate=draw(st.sampled_from([None, 1.2e6, 9e6])),
                    )
                    for _ in range(workloads)
                ],
                devices=Devices.from_rows(
                    [
                        Device(
                            kind=kind,
                            index=n,
                            missing=draw(st.booleans()) and draw(st.booleans()),
                            core_c=draw(st.sampled_from([None, 60.0, 95.0, 300.0])),
                            memory_c=draw(st.sampled_from([None, 60.0, 120.0])),
                            chips=draw(st.sampled_from([None, 99, 100])),
                            chips_expected=draw(st.sampled_from([None, 100])),
                        )
                        for n in range(devices)
                    ]
                ),
            )
        )
    return found


@settings(max_examples=300, deadline=None)
@given(troubled())
def test_states_of_many_logs_are_those_of_each(logs: list[OperationalLog]) -> None:
    chunk = Chunk()
    chunk.add(logs)
    for part in chunk.parts.values():
        assert states_of(part, 5.0) == [state_of(part.log(row), 5.0) for row in range(len(part.times))]


@quick
@given(st.lists(troubled(), min_size=1, max_size=3))
def test_a_chunk_is_a_set_of_logs_however_they_come(some: list[list[OperationalLog]]) -> None:
    logs = [replace(log, t=log.t + 100_000 * n) for n, one in enumerate(some) for log in one]
    at_once, again = Chunk(), Chunk()
    at_once.add(logs)
    for log in reversed(logs):
        again.add([log, log])
        again = Chunk.unpack(again.pack())
    assert again.pack() == at_once.pack()
    assert [log.t for log in again.logs()] == [log.t for log in logs]
    for stored, log in zip(again.logs(), logs, strict=True):
        rough = [(one.hashrate or 0) * 1e-5 for one in log.workloads]
        for one, two, off in zip(stored.workloads, log.workloads, rough, strict=True):
            assert replace(one, hashrate=None, expected_hashrate=None) == replace(
                two, hashrate=None, expected_hashrate=None
            )
            assert one.hashrate == pytest.approx(two.hashrate, abs=abs(off)) if two.hashrate is not None else True
        assert stored.devices.chips == log.devices.chips


def test_starts_of_rigs_and_programs_are_counted_where_their_uptime_fell(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    uptimes = [(100.0, 50.0), (105.0, 55.0), (110.0, 1.0), (3.0, 2.0), (8.0, 7.1), (400.0, 399.0)]
    times = [0, 5, 10, 15, 20, 412]
    farm.arrive(
        [
            (7, replace(a_log(START + at * 1_000, uptime_s=program), uptime_s=rig))
            for at, (rig, program) in zip(times, uptimes, strict=True)
        ]
    )
    farm.step()
    found = farm.minutes(7)
    # The first log says that both began within the ten minutes before it; at 412 s both go on.
    assert found["starts", "rig", "count"][0] == 1 + 1
    assert found["starts", "program", "count"][0] == 1 + 2
    assert found["starts", "rig", "count"][6] is None


def test_shares_and_time_of_each_pool(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    pools = ["stratum+tcp://a.example:1/x", "stratum+tcp://a.example:1/x", "b.example:2"]
    farm.arrive(
        [
            (7, replace(log, workloads=[replace(log.workloads[0], pool=pool)]))
            for n, pool in enumerate(pools)
            for log in [a_log(START + n * 5_000, accepted=n * 3, rejected=n)]
        ]
    )
    farm.step()
    found = {key: column[0] for key, column in farm.minutes(7).items() if key[0] == "pool"}
    assert found == {
        ("pool", "a.example:1", "accepted"): 3,
        ("pool", "a.example:1", "rejected"): 1,
        ("pool", "a.example:1", "ms"): 10_000,
        ("pool", "b.example:2", "accepted"): 3,
        ("pool", "b.example:2", "rejected"): 1,
        ("pool", "b.example:2", "ms"): 15_000,
    }
    body = farm.store.get("minute_totals", row_id(START // 3_600_000, place_of("cpu-gpu")))
    assert body is not None
    assert joined(Columns(body).all())["pool", "b.example:2", "ms"][0] == 15_000


def test_what_is_expected_is_the_own_normal_or_else_the_nameplate(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    with farm.store.transaction():
        write(farm.store, [Happened(START + 600_000, 7, NormalWas({"KAS": 2e6}))])
    log = a_log(0)
    with_plate = [replace(log.workloads[0], expected_hashrate=3e6)]
    farm.arrive([(7, replace(log, t=START + n * 5_000, workloads=with_plate)) for n in range(240)])
    farm.step()
    found = farm.minutes(7)
    assert found["expected", "KAS", "mean"][:20] == pytest.approx([3e6] * 20, rel=1e-5)
    assert found["normal", "KAS", "mean"][9:11] == [None, pytest.approx(2e6, rel=1e-5)]
    body = farm.store.get("minute_totals", row_id(START // 3_600_000, place_of("cpu-gpu")))
    assert body is not None
    expected = joined(Columns(body).all())["coin", "KAS", "expected"]
    assert expected[:20] == pytest.approx([3e6 * 60] * 10 + [2e6 * 60] * 10, rel=1e-5)


def test_fewest_and_expected_chips_of_a_board(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive(
        [
            (9, replace(a_log(START + n * 5_000), devices=Devices.from_rows([board])))
            for n, chips in enumerate([126, 120, 126])
            for board in [Device(kind="hashboard", index=0, chips=chips, chips_expected=126)]
        ]
    )
    farm.step()
    found = farm.minutes(9)
    assert found["hashboard0", "chips", "min"][0] == 120
    assert found["hashboard0", "chips_expected", "mean"][0] == 126
    assert found["why", "chips", "ms"][0] == 5_000


WORKLOADS = [Workload(software="miner", coin="KAS", hashrate=0.0, state=state) for state in get_args(WorkloadState)]
