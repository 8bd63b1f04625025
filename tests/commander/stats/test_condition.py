"""A rig's state: what makes it sick, in which order, and what does not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.stats.condition import WAITING, Condition, condition
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload


def mining(**changes: Any) -> Workload:
    fields: dict[str, Any] = {
        "software": "lolMiner",
        "coin": "KAS",
        "hashrate": 2.0e9,
        "accepted": 1204,
        "rejected": 9,
        "state": "mining",
        "uptime_s": 9000.0,
    }
    return Workload(**(fields | changes))


def a_log(*workloads: Workload, devices: list[Device] | None = None) -> OperationalLog:
    gpus = [Device(kind="gpu", index=n, core_c=60.0 + n) for n in range(4)] if devices is None else devices
    return OperationalLog(t=1, workloads=list(workloads or (mining(),)), devices=Devices.from_rows(gpus))


def judge(
    log: OperationalLog | None,
    *,
    link_up: bool = True,
    age_s: float | None = 2.0,
    normal: float | None = None,
    before: Condition | None = None,
    in_rounds: str = "",
    **more: Any,
) -> Condition:
    return condition(
        log,
        link_up=link_up,
        last_seen_age_s=age_s,
        interval_s=5.0,
        normal_hashrate=lambda _: normal,
        **more,
        before=before,
        in_rounds=lambda coin: coin == in_rounds,
    )


def test_it_works() -> None:
    assert judge(a_log()) == Condition("online")


def test_a_rig_that_never_reported_waits() -> None:
    assert judge(None) is WAITING
    assert judge(None, link_up=False) is WAITING


def test_a_rig_whose_link_is_gone_is_offline() -> None:
    found = judge(a_log(), link_up=False)
    assert (found.state, found.reason, found.severity, found.attention_rank) == ("offline", "link lost", 2, 0)


@pytest.mark.parametrize(("age_s", "state"), [(15.0, "online"), (15.1, "offline"), (None, "offline")])
def test_a_rig_silent_for_three_intervals_is_offline(age_s: float | None, state: str) -> None:
    assert judge(a_log(), age_s=age_s).state == state


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (Device(kind="gpu", index=2, core_c=91.0), "GPU 2 at 91 °C"),
        (Device(kind="gpu", index=2, core_c=60.0, memory_c=106.0), "GPU 2 memory at 106 °C"),
        (Device(kind="cpu", index=0, core_c=90.0), "CPU at 90 °C"),
        (Device(kind="hashboard", index=1, core_c=85.0), "board 1 at 85 °C"),
        (Device(kind="hashboard", index=1, core_c=60.0, chip_c=95.0), "board 1 chip at 95 °C"),
    ],
)
def test_a_device_past_its_bad_mark_makes_the_rig_hot(device: Device, reason: str) -> None:
    found = judge(a_log(devices=[device]))
    assert (found.state, found.word, found.reason, found.severity) == ("degraded", "hot", reason, 2)


@pytest.mark.parametrize(
    "device",
    [
        Device(kind="gpu", index=0, core_c=84.9, memory_c=104.9),
        Device(kind="cpu", index=0, core_c=89.9),
        Device(kind="gpu", index=0, chip_c=104.0),
        Device(kind="gpu", index=0, core_c=511.0),
        Device(kind="gpu", index=0, core_c=math.nan),
        Device(kind="gpu", index=0, core_c=1e308),
    ],
)
def test_warm_unmarked_and_impossible_temperatures_make_no_rig_sick(device: Device) -> None:
    assert judge(a_log(devices=[device])).state == "online"


def test_the_hottest_is_named_and_the_others_counted() -> None:
    hot = [Device(kind="gpu", index=n, core_c=86.0 + n) for n in range(3)]
    assert judge(a_log(devices=hot)).reason == "GPU 2 at 88 °C, 2 more"


def test_a_temperature_at_the_edge_does_not_flicker() -> None:
    hot = judge(a_log(devices=[Device(kind="gpu", index=0, core_c=85.0)]))
    nearly = a_log(devices=[Device(kind="gpu", index=0, core_c=83.0)])
    assert judge(nearly, before=hot).word == "hot"
    assert judge(nearly).word == ""
    assert judge(a_log(devices=[Device(kind="gpu", index=0, core_c=81.9)]), before=hot).state == "online"


@pytest.mark.parametrize(
    ("workloads", "state", "reason"),
    [
        ([], "idle", "no mining program is running"),
        ([mining(hashrate=0.0)], "idle", "lolMiner mines nothing"),
        ([mining(hashrate=None, state="stopped")], "idle", "lolMiner is stopped"),
        ([mining(hashrate=None, state="failed")], "idle", "lolMiner failed"),
        ([mining(hashrate=None, state="unreachable")], "degraded", "lolMiner does not answer"),
        ([mining(hashrate=None, uptime_s=3600.0)], "idle", "lolMiner runs without a hashrate"),
    ],
)
def test_a_rig_that_an_operator_stopped_is_in_no_trouble(workloads: list[Workload], state: str, reason: str) -> None:
    found = judge(OperationalLog(t=1, workloads=workloads), resting="stopped by an operator")
    assert (found.state, found.reason, found.severity, found.word) == ("stopped", "stopped by an operator", 0, "")


def test_one_that_should_rest_and_mines_is_shown_as_it_is() -> None:
    assert judge(a_log(mining()), resting="stopped by an operator").state == "online"
    assert judge(a_log(mining()), link_up=False, resting="stopped by an operator").state == "offline"
    hot = [Device(kind="gpu", index=0, core_c=96.0)]
    assert judge(a_log(devices=hot), resting="stopped by an operator").word == "hot"
    gone = OperationalLog(t=1, devices=Devices.from_rows([Device(kind="gpu", index=0, missing=True)]))
    assert judge(gone, resting="stopped by an operator").reason == "GPU 0 fell off the bus"


def test_a_rig_whose_token_was_replaced_says_what_it_waits_for() -> None:
    assert judge(a_log(), link_up=False, token_due=True).reason == "waiting for its new token"
    assert judge(a_log(), link_up=True, token_due=True).state == "online"


@pytest.mark.parametrize(
    ("workloads", "state", "reason"),
    [
        ([], "idle", "no mining program is running"),
        ([mining(hashrate=0.0)], "idle", "lolMiner mines nothing"),
        ([mining(hashrate=None, state="stopped")], "idle", "lolMiner is stopped"),
        ([mining(hashrate=None, state="failed")], "idle", "lolMiner failed"),
        ([mining(hashrate=None, state="unreachable")], "degraded", "lolMiner does not answer"),
        ([mining(hashrate=None, uptime_s=3600.0)], "idle", "lolMiner runs without a hashrate"),
    ],
)
def test_a_rig_that_mines_nothing(workloads: list[Workload], state: str, reason: str) -> None:
    log = OperationalLog(t=1, workloads=workloads)
    found = judge(log)
    assert (found.state, found.reason, found.attention_rank) == (state, reason, 2)


@pytest.mark.parametrize("uptime_s", [None, 30.0])
def test_a_program_that_is_starting_is_given_time(uptime_s: float | None) -> None:
    assert judge(a_log(mining(hashrate=None, state="starting", uptime_s=uptime_s))).state == "online"


def test_a_gpu_off_the_bus_degrades() -> None:
    gpus = [Device(kind="gpu", index=0, core_c=60), Device(kind="gpu", index=1, missing=True)]
    found = judge(a_log(devices=gpus))
    assert (found.state, found.word, found.reason) == ("degraded", "", "GPU 1 fell off the bus")


def test_missing_chips_degrade() -> None:
    board = Device(kind="hashboard", index=2, chips=60, chips_expected=76)
    assert judge(a_log(devices=[board])).reason == "board 2: 60 of 76 chips"


@pytest.mark.parametrize(("rate", "word"), [(1.39e9, "slow"), (1.41e9, ""), (2.5e9, "")])
def test_far_under_its_own_normal_is_slow(rate: float, word: str) -> None:
    assert judge(a_log(mining(hashrate=rate)), normal=2.0e9).word == word


def test_what_the_device_promises_counts_where_nothing_is_normal_yet() -> None:
    found = judge(a_log(mining(hashrate=50e12, coin="BTC", expected_hashrate=100e12)))
    assert (found.word, found.reason) == ("slow", "BTC 50 % under its normal")


def test_two_programs_for_one_coin_add_up() -> None:
    half = mining(hashrate=1.0e9)
    assert judge(a_log(half, half), normal=2.0e9).state == "online"


def test_one_of_two_workloads_down_degrades() -> None:
    other = mining(coin="ALPH", hashrate=0.0, software="GMiner", state="failed")
    assert judge(a_log(mining(), other)).reason == "ALPH: GMiner failed"


@pytest.mark.parametrize(
    ("accepted", "rejected", "word"), [(930, 70, "rejecting"), (960, 40, ""), (1, 1, ""), (18, 2, "")]
)
def test_rejects_past_the_mark(accepted: int, rejected: int, word: str) -> None:
    """A first unlucky share is no trend."""
    assert judge(a_log(mining(accepted=accepted, rejected=rejected))).word == word


def test_the_worst_comes_first() -> None:
    hot = Device(kind="gpu", index=0, core_c=90.0)
    gone = Device(kind="gpu", index=1, missing=True)
    conditions = [
        judge(a_log(), link_up=False),
        judge(a_log(mining(hashrate=0.0), devices=[hot, gone])),
        judge(a_log(mining(hashrate=0.0), devices=[gone])),
        judge(a_log(mining(rejected=900), devices=[gone])),
        judge(a_log(mining(rejected=900))),
        WAITING,
        judge(a_log()),
    ]
    ranks = [found.attention_rank for found in conditions]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_the_cause_stays_while_the_numbers_change() -> None:
    one, other = (judge(a_log(devices=[Device(kind="gpu", index=0, core_c=c)])) for c in (90.0, 91.0))
    assert one.reason != other.reason
    assert one.cause == other.cause


numbers = st.one_of(st.none(), st.floats(), st.integers(min_value=-5, max_value=10**12).map(float))
kinds = st.sampled_from(["cpu", "gpu", "hashboard"])


@given(
    st.lists(st.builds(Device, kind=kinds, index=st.integers(), core_c=numbers, memory_c=numbers, chip_c=numbers)),
    st.lists(
        st.builds(
            Workload,
            coin=st.one_of(st.none(), st.text()),
            hashrate=numbers,
            accepted=st.one_of(st.none(), st.integers()),
            rejected=st.one_of(st.none(), st.integers()),
            uptime_s=numbers,
            expected_hashrate=numbers,
        )
    ),
    numbers,
)
def test_no_log_makes_it_fail(devices: list[Device], workloads: list[Workload], normal: float | None) -> None:
    log = OperationalLog(t=1, workloads=workloads, devices=Devices.from_rows(devices))
    found = judge(log, normal=normal)
    assert found.state in ("online", "degraded", "idle")
    assert (found.severity > 0) == bool(found.reason) == (found.attention_rank < 8)


ETC, ZIL = {"coin": "ETC", "algorithm": "etchash"}, {"coin": "ZIL", "algorithm": "zil"}


@pytest.mark.parametrize("software", ["lolMiner", "Rigel", "BzMiner", "GMiner", "SRBMiner-MULTI"])
@pytest.mark.parametrize(
    "zil",
    [ZIL, {"coin": None, "algorithm": "zil"}, {"coin": "X", "algorithm": "ethash", "pool": "zmp+tcp://z.example:1"}],
)
def test_a_coin_that_is_mined_in_rounds_makes_no_rig_sick(software: str, zil: dict[str, Any]) -> None:
    between = [mining(software=software, **ETC), mining(software=software, **zil, hashrate=0.0, state="idle")]
    during = [mining(software=software, **ETC, hashrate=0.0, state="idle"), mining(software=software, **zil)]
    fading = [mining(software=software, **ETC, hashrate=1e8), mining(software=software, **zil, hashrate=1e8)]
    for works in (between, during, fading, between[::-1], during[::-1], between[1:], during[1:]):
        assert judge(a_log(*works), normal=2.0e9) == Condition("online"), works


def test_its_partner_is_judged_between_the_rounds() -> None:
    waiting = mining(**ZIL, hashrate=0.0, state="idle")
    assert judge(a_log(mining(**ETC, hashrate=0.0, state="idle"), waiting), normal=2.0e9).state == "idle"
    assert judge(a_log(mining(**ETC, hashrate=1.0e9), waiting), normal=2.0e9).word == "slow"
    dead = [mining(**ETC, hashrate=None, state="unreachable"), mining(**ZIL, hashrate=None, state="unreachable")]
    assert judge(a_log(*dead)).word == "no answer"


def test_a_program_that_answers_without_telling_is_not_sick() -> None:
    assert judge(a_log(mining(hashrate=None, state=None, uptime_s=9000.0))).state == "online"


def test_what_a_rig_was_seen_to_mine_now_and_then_makes_it_not_sick() -> None:
    works = [mining(**ETC), mining(coin="NEW", hashrate=0.0, state="idle")]
    assert judge(a_log(*works), normal=2.0e9).state == "degraded"
    assert judge(a_log(*works), normal=2.0e9, in_rounds="NEW") == Condition("online")
    works = [mining(**ETC, hashrate=0.0, state="idle"), mining(coin="NEW")]
    assert judge(a_log(*works), normal=2.0e9, in_rounds="NEW") == Condition("online")
    assert judge(a_log(*works), normal=2.0e9).state == "degraded"


def boards(*fields: dict[str, Any]) -> OperationalLog:
    return a_log(devices=[Device(kind="hashboard", index=at + 1, **one) for at, one in enumerate(fields)])


def stands(**changes: Any) -> OperationalLog:
    return OperationalLog(t=1, workloads=[mining(**changes)])


GONE = {"missing": True}
NONE, LITTLE = 2, 3
"""Ranks of what mines nothing, and of what mines less than it should."""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (OperationalLog(t=1), Condition("idle", "no mining program is running", 2, NONE, "no program")),
        (stands(hashrate=0.0), Condition("idle", "lolMiner mines nothing", 2, NONE, "mines nothing")),
        (stands(hashrate=None, state="stopped"), Condition("idle", "lolMiner is stopped", 2, NONE, "stopped")),
        (stands(hashrate=None, state="failed"), Condition("idle", "lolMiner failed", 2, NONE, "failed")),
        (
            stands(hashrate=None, state="unreachable"),
            Condition("degraded", "lolMiner does not answer", 2, NONE, "no answer", "no answer"),
        ),
        (
            stands(hashrate=None, uptime_s=3600.0),
            Condition("idle", "lolMiner runs without a hashrate", 2, NONE, "no hashrate"),
        ),
        (boards(GONE, {}), Condition("degraded", "board 1 is missing", 1, LITTLE, "missing board 1")),
        (
            boards({}, GONE, GONE, GONE),
            Condition("degraded", "board 2 is missing, 2 more", 1, LITTLE, "missing board 2, 2 more"),
        ),
        (
            boards({"chips": 100, "chips_expected": 100}, {"chips": 97, "chips_expected": 100}),
            Condition("degraded", "board 2: 97 of 100 chips", 1, LITTLE, "chips board 2"),
        ),
        (boards({"chips": 97}, {"chips_expected": 100}), Condition("online")),
    ],
)
def test_all_that_is_said_of_a_trouble(log: OperationalLog, expected: Condition) -> None:
    """Its place in the order by attention decides who is looked after first, its cause which changes are told."""
    assert judge(log) == expected


@pytest.mark.parametrize(("accepted", "rejected", "state"), [(15, 5, "degraded"), (14, 5, "online"), (97, 2, "online")])
def test_rejects_of_too_few_shares_say_nothing(accepted: int, rejected: int, state: str) -> None:
    assert judge(a_log(mining(accepted=accepted, rejected=rejected))).state == state


LOGIN = ("wrong-credentials", "It refuses the login: enter the user and password of its web page.")


def test_a_silent_device_says_what_its_sentry_knows() -> None:
    """A dead ASIC and a wrong login are two errands."""
    refused = judge(a_log(), age_s=60.0, trouble=LOGIN)
    dead = judge(a_log(), age_s=60.0, trouble=("unreachable", "No answer on ports 80, 4028."))
    assert (refused.state, refused.reason) == ("offline", f"wrong login: {LOGIN[1]}")
    assert (dead.state, dead.reason) == ("offline", "no answer on ports 80, 4028.")
    assert refused.cause != dead.cause, "one after the other is an event"
    assert (dead.severity, dead.attention_rank) == (2, 0), "as urgent as any that is offline"
    assert judge(a_log(), age_s=60.0, trouble=("unreachable", "")).reason == "no answer", "a kind says enough"
    assert judge(a_log(), age_s=60.0).reason == "connected, but sends nothing", "an older Sentry does not say"
    assert judge(a_log(), trouble=LOGIN).state == "online", "what reports is not silent"
    assert judge(a_log(), link_up=False, trouble=LOGIN).reason == "link lost"
    never = judge(None, trouble=LOGIN)
    assert (never.state, never.reason) == ("waiting", f"wrong login: {LOGIN[1]}")


def test_what_was_shut_down_is_no_trouble() -> None:
    off = judge(a_log(), link_up=False, off="shut down by an operator")
    assert (off.state, off.word, off.reason) == ("offline", "stopped", "shut down by an operator")
    assert off.severity == 0
    assert judge(a_log(), off="shut down by an operator") == Condition("online"), "it still reports"


def test_maintenance_takes_the_urgency_and_nothing_else() -> None:
    hot = judge(a_log(devices=[Device(kind="gpu", index=0, core_c=95.0)]))
    assert hot.severity == 2
    calm = hot.maintained()
    assert (calm.state, calm.reason, calm.word, calm.cause) == (hot.state, hot.reason, hot.word, hot.cause)
    assert (calm.severity, calm.maintenance) == (0, True)
