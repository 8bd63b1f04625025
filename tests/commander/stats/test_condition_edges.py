"""A rig's state at the edges of its marks, and with what a log may lack: an edge that is off by one calls people out at
night, or lets a card burn."""

from __future__ import annotations

import math
from typing import Any

import pytest
from test_condition import a_log, judge, mining

from rigfarm.commander.stats.condition import (
    MIN_SHARES,
    STARTING_S,
    Condition,
    a_round_runs,
    by_coin,
    in_rounds_by_workload,
    mines_nothing,
    reject_ratio,
)
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload


@pytest.mark.parametrize(
    ("shares", "ratio"),
    [
        ([(MIN_SHARES, None)], 0.0),
        ([(MIN_SHARES - 1, None)], None),
        ([(None, MIN_SHARES)], 1.0),
        ([(None, MIN_SHARES - 1)], None),
        ([(None, None)], None),
        ([(15, 5), (0, 0), (60, 20)], 0.25),
        ([(-100, 5), (15, -100)], 0.25),
        ([], None),
    ],
)
def test_the_share_of_rejects(shares: list[tuple[int | None, int | None]], ratio: float | None) -> None:
    works = [Workload(hashrate=1.0, accepted=accepted, rejected=rejected) for accepted, rejected in shares]
    assert reject_ratio(works) == ratio


@pytest.mark.parametrize(
    ("shares", "word"),
    [
        ([(57, 3)], "rejecting"),  # 5 % of 60
        ([(58, 3)], ""),
        ([(18, 2)], ""),  # two may be bad luck
        ([(20, 1), (20, 2)], "rejecting"),
        ([(20, None), (20, 3)], "rejecting"),
    ],
)
def test_rejects_are_a_trouble_from_their_mark_on(shares: list[tuple[int | None, int | None]], word: str) -> None:
    works = [mining(coin=f"C{at}", accepted=good, rejected=bad) for at, (good, bad) in enumerate(shares)]
    found = judge(a_log(*works))
    assert found.word == word
    if word:
        assert (found.state, found.cause, found.severity, found.attention_rank) == ("degraded", "rejecting", 1, 4)


@pytest.mark.parametrize("rate", [1e300, -1.0, math.nan, math.inf])
def test_a_hashrate_that_cannot_be_is_no_hashrate(rate: float) -> None:
    assert judge(a_log(mining(hashrate=rate, uptime_s=3_600.0))).reason == "lolMiner runs without a hashrate"
    assert judge(a_log(mining(hashrate=rate)), normal=5.0).word == ""
    assert by_coin([mining(hashrate=rate)]) == {"KAS": (None, 0.0)}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"coin": "ZEC", "state": "failed"}, "ZEC: lolMiner failed"),
        ({"coin": "ZEC", "state": "stopped"}, "ZEC: lolMiner is stopped"),
        ({"coin": "ZEC", "state": "unreachable"}, "ZEC: lolMiner does not answer"),
        ({"coin": "ZEC", "hashrate": 0.0}, "ZEC: lolMiner mines nothing"),
        ({"coin": "ZEC", "hashrate": 0.0, "software": None}, "ZEC: the mining program mines nothing"),
        ({"coin": None, "algorithm": "kawpow", "hashrate": 0.0}, "kawpow: lolMiner mines nothing"),
        ({"coin": None, "algorithm": None, "hashrate": 0.0}, "one coin: lolMiner mines nothing"),
        ({"coin": "ZEC", "hashrate": None}, ""),
        ({"coin": "ZEC", "hashrate": 0.001}, ""),
    ],
)
def test_one_of_two_that_is_down_is_named(other: dict[str, Any], reason: str) -> None:
    found = judge(a_log(mining(), mining(**other)))
    assert (found.reason, found.severity) == (reason, 1 if reason else 0)
    assert found.cause == (f"down {reason.partition(':')[0]}" if reason else "")
    assert judge(a_log(mining(**other), mining())).reason == reason, "whichever comes first"


@pytest.mark.parametrize(
    ("uptime_s", "state", "well"),
    [
        (STARTING_S, "starting", True),
        (STARTING_S + 0.1, "starting", False),
        (STARTING_S, "mining", True),
        (STARTING_S + 0.1, "mining", False),
        (None, "mining", True),
        (math.nan, "mining", True),
        (1.0, "idle", False),
        (9e9, None, True),
    ],
)
def test_how_long_a_program_may_look_for_its_hashrate(uptime_s: float | None, state: Any, *, well: bool) -> None:
    found = mines_nothing([mining(hashrate=None, uptime_s=uptime_s, state=state)], [False])
    assert (found is None) is well


def test_one_that_may_come_is_enough() -> None:
    stands, starts = mining(hashrate=0.0), mining(hashrate=None, state="starting", uptime_s=1.0)
    assert mines_nothing([stands, starts], [False, False]) is None
    found = mines_nothing([stands, stands], [False, True])
    assert found is not None, "only one of them comes in rounds"
    assert mines_nothing([stands, stands], [True, True]) is None
    unknown = mining(hashrate=None, state="stopped")
    assert mines_nothing([unknown], [True]) is not None, "one that does not say is not between its rounds"
    silent = mines_nothing(
        [mining(hashrate=0.0, state="failed"), mining(hashrate=None, state="unreachable")], [False] * 2
    )
    assert silent is not None
    assert silent.cause == "no answer", "that is what to look at first"


def test_a_round_runs_while_its_coin_hashes() -> None:
    rounds = in_rounds_by_workload([mining(coin="ZIL"), mining(coin="NEW"), mining()], lambda coin: coin == "NEW")
    assert rounds == [True, True, False]
    assert in_rounds_by_workload([Workload(), Workload(algorithm="x")], lambda coin: coin in "?x") == [True, True]
    works = [mining(coin="ZIL", hashrate=0.0), mining()]
    assert not a_round_runs(works, [True, False])
    assert a_round_runs([mining(coin="ZIL", hashrate=1.0), mining(hashrate=0.0)], [True, False])


def test_what_is_expected_of_a_coin_is_added_up() -> None:
    works = [
        mining(hashrate=10.0, expected_hashrate=20.0), mining(hashrate=1.0, expected_hashrate=4.0),
        mining(hashrate=5.0, expected_hashrate=1e300), mining(coin=None, algorithm="x", hashrate=7.0),
        mining(coin=None, algorithm=None, hashrate=None), mining(coin="Z", hashrate=3.0),
        mining(coin="Z", hashrate=None),
    ]  # fmt: skip
    assert by_coin(works) == {"KAS": (16.0, 24.0), "x": (7.0, 0.0), "?": (None, 0.0), "Z": (None, 0.0)}


def test_the_slowest_coin_is_named() -> None:
    works = [mining(coin="A", hashrate=60.0), mining(coin="B", hashrate=30.0), mining(coin="C", hashrate=40.0)]
    found = judge(a_log(*works), normal=100.0)
    assert (found.reason, found.cause, found.severity, found.attention_rank) == (
        "B 70 % under its normal",
        "slow B",
        1,
        3,
    )
    assert judge(a_log(mining(hashrate=70.0)), normal=100.0).word == "slow", "at its mark"
    slow = Condition("degraded", word="slow")
    assert judge(a_log(mining(hashrate=75.0)), normal=100.0, before=slow).word == "slow", "it is not back yet"
    assert judge(a_log(mining(hashrate=76.0)), normal=100.0, before=slow).word == ""
    assert judge(a_log(mining(hashrate=74.0)), normal=100.0).word == ""


@pytest.mark.parametrize(
    ("devices", "reason"),
    [
        ([Device("gpu", 3, core_c=85.0)], "GPU 3 at 85 °C"),
        ([Device("gpu", 3, core_c=84.99)], ""),
        ([Device("gpu", 3, core_c=129.9)], "GPU 3 at 130 °C"),
        ([Device("gpu", 3, core_c=130.0)], ""),
        ([Device("gpu", 0, chip_c=110.0)], "GPU 0 chip at 110 °C"),
        ([Device("hashboard", 2, chip_c=95.0, core_c=85.0)], "board 2 chip at 95 °C"),
        ([Device("gpu", 0, core_c=85.0, memory_c=105.0)], "GPU 0 memory at 105 °C"),
        (
            [Device("gpu", 0, core_c=86.0), Device("cpu", 0, core_c=90.0), Device("gpu", 1, core_c=60.0)],
            "CPU at 90 °C, 1 more",
        ),
        ([Device("cpu", 1, core_c=90.0)], "CPU 1 at 90 °C"),
        ([Device("gpu", 0, core_c=95.0), Device("gpu", 1, core_c=88.0)], "GPU 0 at 95 °C, 1 more"),
        ([Device("gpu", 0, core_c=111.0, memory_c=111.0, chip_c=111.0)], "GPU 0 at 111 °C"),
    ],
)
def test_what_is_too_hot(devices: list[Device], reason: str) -> None:
    assert judge(a_log(devices=devices)).reason == reason


def test_a_column_of_another_length_says_nothing_of_any_device() -> None:
    short = Devices(kinds=["gpu", "gpu"], indexes=[], core_c=[99.0], memory_c=[None, 120.0])
    found = judge(OperationalLog(t=1, workloads=[mining()], devices=short))
    assert found.reason == "GPU 1 memory at 120 °C", "its place is its number where that is not said"
    gone = Devices(kinds=["gpu", "gpu"], indexes=[5], missing=[False, True])
    assert judge(OperationalLog(t=1, workloads=[mining()], devices=gone)).reason == "GPU 1 fell off the bus"
    short = Devices(kinds=["gpu", "gpu"], missing=[True], chips=[1], chips_expected=[2, 2])
    assert judge(OperationalLog(t=1, workloads=[mining()], devices=short)).state == "online"


@pytest.mark.parametrize(
    ("chips", "expected", "well"),
    [(100, 100, True), (99, 100, False), (0, 100, False), (-1, 100, True), (101, 100, True), (None, 100, True)],
)
def test_chips_that_are_missing(chips: int | None, expected: int, *, well: bool) -> None:
    devices = [
        Device("hashboard", 0, chips=50, chips_expected=50),
        Device("hashboard", 7, chips=chips, chips_expected=expected),
    ]
    assert judge(a_log(devices=devices)).reason == ("" if well else f"board 7: {chips} of {expected} chips")


def test_a_device_that_never_reported_is_named_and_calls_nobody_out() -> None:
    never = judge(None, trouble=("unreachable", "No answer."))
    assert never == Condition("waiting", "no answer.", 0, 8, "silent unreachable")
    assert judge(None, trouble=("odd-thing", "")).reason == "odd thing"
