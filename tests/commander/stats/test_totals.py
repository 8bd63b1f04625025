"""The totals are the sum over the rigs that are up, exactly, whatever happened before."""

from __future__ import annotations

import math
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats, operational
from rigfarm.commander.stats.condition import Condition
from rigfarm.commander.stats.contribution import contribution_of, of_one_coin
from rigfarm.commander.stats.operational import LINK_GRACE_S
from rigfarm.commander.stats.totals import Totals
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

NONSENSE = [math.nan, math.inf, -math.inf, -1.0, 1e308, None]
rates = st.one_of(st.floats(0, 1e21), st.sampled_from(NONSENSE))
powers = st.one_of(st.floats(0, 20_000), st.sampled_from(NONSENSE))
workloads = st.lists(
    st.builds(Workload, coin=st.sampled_from(["XMR", "KAS", None]), hashrate=rates, accepted=st.integers(0, 99)),
    max_size=3,
)
steps = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from(["log", "log", "log", "up", "lost", "gone", "new"]), workloads, powers
    ),
    max_size=60,
)


def a_log(t: int, *parts: Workload, power_w: float | None = None) -> OperationalLog:
    return OperationalLog(t=t, power_w=power_w, workloads=list(parts))


def some_stats(rigs: int = 1) -> OperationalStats:
    stats = OperationalStats(Hub(), Events(), interval_s=5.0)
    for rig_id in range(1, rigs + 1):
        stats.add(rig_id, "cpu-gpu")
        stats.link_up(rig_id)
    return stats


def test_it_works() -> None:
    stats = some_stats(2)
    now = utc_ms()
    stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=9000.0), power_w=90.0))
    stats.receive(2, a_log(now, Workload(coin="XMR", hashrate=1000.5), power_w=10.0))
    totals = stats.totals["cpu-gpu"]
    assert totals.coins["XMR"].hashrate == 10_000.5
    assert totals.power_w == 100.0
    assert totals.coins["XMR"].efficiency == 100.005
    assert (totals.alive, totals.rigs) == (2, 2)


def test_a_removed_rig_takes_its_share_with_it() -> None:
    stats = some_stats(2)
    now = utc_ms()
    stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=1.0), power_w=90.0))
    stats.receive(2, a_log(now, Workload(coin="KAS", hashrate=1e15), power_w=10.0))
    stats.remove(2)
    totals = stats.totals["cpu-gpu"]
    assert set(totals.coins) == {"XMR"}
    assert totals.coins["XMR"].hashrate == 1.0
    assert totals.power_w == 90.0
    assert totals.rigs == 1


def test_unknown_power_neither_lowers_nor_raises_efficiency() -> None:
    stats = some_stats(2)
    now = utc_ms()
    stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=1000.0), power_w=10.0))
    stats.receive(2, a_log(now, Workload(coin="XMR", hashrate=5000.0)))
    assert stats.totals["cpu-gpu"].coins["XMR"].efficiency == 100.0


def test_an_older_log_changes_nothing() -> None:
    stats = some_stats()
    now = utc_ms()
    assert stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=2.0)))
    assert not stats.receive(1, a_log(now - 1, Workload(coin="XMR", hashrate=1.0)))
    assert stats.totals["cpu-gpu"].coins["XMR"].hashrate == 2.0


def test_a_stamp_from_a_wrong_clock_does_not_keep_later_logs_out() -> None:
    stats = some_stats()
    now = utc_ms()
    stats.receive(1, a_log(now + 5 * 86_400_000, Workload(coin="XMR", hashrate=1.0)))
    assert stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=2.0)))


@settings(max_examples=150, deadline=None)
@given(steps)
def test_totals_equal_the_sum_over_the_rigs_that_are_up(history: list[tuple[int, str, list[Workload], float]]) -> None:
    stats = some_stats(4)
    t = utc_ms() - 10_000
    for rig_id, what, parts, power in history:
        t += 1
        if what == "log":
            stats.receive(rig_id, a_log(t, *parts, power_w=power))
        elif what == "up":
            stats.link_up(rig_id)
        elif what == "lost":
            stats.link_lost(rig_id)
            stats.tick(time.monotonic() + 5.0)
        elif what == "gone":
            stats.remove(rig_id)
        else:
            stats.add(rig_id, "cpu-gpu")
    totals = stats.totals["cpu-gpu"]
    counted = [rig for rig in stats.rigs.values() if rig.counted]
    shares = [share for rig in counted for share in rig.contribution.coins]
    for coin, sums in totals.coins.items():
        assert sums.millihashes == sum(share.millihashes for share in shares if share.coin == coin)
        assert sums.rigs == sum(1 for share in shares if share.coin == coin)
        assert math.isfinite(sums.hashrate)
    assert set(totals.coins) == {share.coin for share in shares}
    assert totals.milliwatts == sum(rig.contribution.milliwatts or 0 for rig in counted)
    assert totals.rigs == len(stats.rigs)
    assert all(count >= 0 for count in totals.states.values())


def test_two_coins_share_the_power_of_the_devices_that_hash_them() -> None:
    devices = Devices.from_rows(
        [
            Device(kind="cpu", index=0, hashrates=[None, 9000.0], power_w=100.0),
            Device(kind="gpu", index=0, hashrates=[1e9, None], power_w=200.0),
            Device(kind="gpu", index=1, hashrates=[1e9, None], power_w=100.0),
        ]
    )
    log = OperationalLog(
        t=1,
        power_w=800.0,
        workloads=[Workload(coin="KAS", hashrate=2e9), Workload(coin="XMR", hashrate=9000.0)],
        devices=devices,
    )
    shares = {share.coin: share.milliwatts for share in contribution_of(log).coins}
    assert shares == {"KAS": 600_000, "XMR": 200_000}


CARD = 200.0
SHARED: dict[str, tuple[float | None, list[tuple[list[float | None], float | None]], dict[str, int | None]]] = {
    # the rig's W; of each device its hashrates of KAS and ZIL and its W: mW of each coin
    "each card mines one": (400.0, [([5.0, None], 100.0), ([None, 5.0], 300.0)], {"KAS": 100_000, "ZIL": 300_000}),
    "a card that mines both gives half to each": (200.0, [([5.0, 5.0], CARD)], {"KAS": 100_000, "ZIL": 100_000}),
    "one that mines both beside one that does not": (
        400.0,
        [([5.0, 5.0], CARD), ([5.0, None], CARD)],
        {"KAS": 300_000, "ZIL": 100_000},
    ),
    "what the mainboard draws is shared as well": (
        500.0,
        [([5.0, None], 100.0), ([None, 5.0], 300.0)],
        {"KAS": 125_000, "ZIL": 375_000},
    ),
    "an idle card gives nothing to anyone": (
        300.0,
        [([5.0, None], 100.0), ([None, 5.0], 100.0), ([0.0, 0.0], 100.0)],
        {"KAS": 150_000, "ZIL": 150_000},
    ),
    "one coin's cards do not say what they draw": (
        400.0,
        [([5.0, None], 100.0), ([None, 5.0], None)],
        {"KAS": None, "ZIL": None},
    ),
    "a card says that it draws nothing": (
        400.0,
        [([5.0, None], 100.0), ([None, 5.0], 0.0)],
        {"KAS": None, "ZIL": None},
    ),
    "a card says what cannot be": (400.0, [([5.0, None], 100.0), ([None, 5.0], 1e9)], {"KAS": None, "ZIL": None}),
    "no card says anything": (400.0, [([5.0, None], None), ([None, 5.0], None)], {"KAS": None, "ZIL": None}),
    "the rig's power is unknown": (None, [([5.0, None], 100.0), ([None, 5.0], 300.0)], {"KAS": None, "ZIL": None}),
}


@pytest.mark.parametrize("what", SHARED)
def test_whose_watts_they_are(what: str) -> None:
    """Wrong ones make a coin look cheaper to mine than it is; 0 W would make it look free."""
    power_w, cards, expected = SHARED[what]
    devices = Devices.from_rows(
        [Device(kind="gpu", index=at, hashrates=rates, power_w=watts) for at, (rates, watts) in enumerate(cards)]
    )
    workloads = [Workload(coin="KAS", hashrate=5.0), Workload(coin="ZIL", hashrate=5.0)]
    log = OperationalLog(t=1, power_w=power_w, workloads=workloads, devices=devices)
    assert {share.coin: share.milliwatts for share in contribution_of(log).coins} == expected


def test_power_that_no_rig_knows_is_unknown_and_not_0_w() -> None:
    stats = some_stats(2)
    totals = stats.totals["cpu-gpu"]
    now = utc_ms()
    stats.receive(1, a_log(now, Workload(coin="XMR", hashrate=1000.0, accepted=0, rejected=0)))
    assert (totals.power_w, totals.coins["XMR"].power_w) == (None, None)
    assert (totals.coins["XMR"].efficiency, totals.coins["XMR"].reject_ratio) == (None, None)
    stats.receive(2, a_log(now, Workload(coin="XMR", hashrate=500.0, accepted=9, rejected=1), power_w=50.0))
    assert (totals.power_w, totals.coins["XMR"].power_w) == (50.0, 50.0)
    assert (totals.coins["XMR"].efficiency, totals.coins["XMR"].reject_ratio) == (10.0, 0.1)
    stats.remove(2)
    assert (totals.power_w, totals.coins["XMR"].power_w) == (None, None)


def test_a_link_that_returns_within_the_grace_was_never_gone() -> None:
    """Otherwise each short reconnect shows the rig as offline a few seconds later, while it mines and reports."""
    stats = some_stats()
    stats.receive(1, a_log(utc_ms(), Workload(coin="XMR", hashrate=1.0)))
    stats.link_lost(1)
    stats.link_up(1)
    stats.tick(time.monotonic() + LINK_GRACE_S + 1.0)
    assert (stats.rigs[1].condition.state, stats.rigs[1].link_up) == ("online", True)
    stats.link_lost(1)
    stats.tick(time.monotonic() + LINK_GRACE_S + 1.0)
    assert stats.rigs[1].condition.state == "offline"


def test_shares_of_one_coin_by_two_programs_are_added() -> None:
    """Otherwise a program with many rejects hides behind the one that is asked last."""
    one = Workload(coin="XMR", hashrate=1.0, accepted=90, rejected=9)
    other = Workload(coin="XMR", hashrate=2.0, accepted=10, rejected=1)
    share = contribution_of(a_log(1, one, other)).coins[0]
    assert (share.millihashes, share.accepted, share.rejected) == (3000, 100, 10)


def test_lost_logs_are_counted_up() -> None:
    """What a rig's page says was lost is all of it, not the last time."""
    stats = some_stats()
    for _ in range(2):
        stats.logs_dropped(1, 5)
        stats.logs_not_kept(1, untimely=2)
        stats.logs_not_kept(1, over_quota=3)
    rig = stats.rigs[1]
    assert (rig.dropped, rig.untimely, rig.over_quota) == (10, 4, 6)


def test_a_rig_that_rests_on_purpose_is_not_sick() -> None:
    stats = some_stats()
    stats.receive(1, a_log(utc_ms(), Workload(coin="XMR", hashrate=0.0, state="stopped")))
    assert stats.rigs[1].condition.severity > 0
    stats.rest(1, "stopped by an operator")
    assert (stats.rigs[1].condition.state, stats.rigs[1].condition.severity) == ("stopped", 0)
    stats.rest(1, "")
    assert stats.rigs[1].condition.severity > 0


def test_a_pause_of_one_coin_while_another_hashes_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a coin that is mined in rounds calls a rig sick in every pause."""
    seen: list[tuple[str, bool]] = []
    monkeypatch.setattr(operational, "see", lambda _, coin, *__, others, **___: seen.append((coin, others)))
    stats = some_stats()
    stats.receive(1, a_log(utc_ms(), Workload(coin="ZIL", hashrate=0.0), Workload(coin="ETC", hashrate=5.0)))
    assert seen == [("ZIL", True), ("ETC", False)]


def test_a_program_without_a_hashrate_hides_none_of_the_others() -> None:
    """The first of three that is still starting must not take the other two out of the farm's hashrate."""
    works = [Workload(coin="KAS"), Workload(coin="XMR", hashrate=5.0), Workload(coin="ZEC", hashrate=math.nan)]
    works.append(Workload(coin="ETC", hashrate=7.0, accepted=-3, rejected=None))
    assert [(one.coin, one.millihashes) for one in contribution_of(a_log(1, *works)).coins] == [
        ("XMR", 5_000), ("ETC", 7_000),
    ]  # fmt: skip
    assert [(one.accepted, one.rejected) for one in contribution_of(a_log(1, *works)).coins] == [(0, 0), (0, 0)]


def test_a_coin_without_a_name_goes_by_its_algorithm() -> None:
    works = [Workload(hashrate=1.0), Workload(algorithm="kawpow", hashrate=2.0), Workload(coin="", hashrate=3.0)]
    assert {one.coin: one.millihashes for one in contribution_of(a_log(1, *works)).coins} == {
        "?": 4_000,
        "kawpow": 2_000,
    }


def test_devices_without_their_columns_share_nothing() -> None:
    """A log may lack a column, or have one of another length: whose watts they are is unknown then, never a guess."""
    works = [Workload(coin="KAS", hashrate=5.0), Workload(coin="ZIL", hashrate=5.0)]
    for devices in (
        Devices(),
        Devices(kinds=["gpu"], indexes=[0], power_w=[], hashrates=[[5.0], [5.0]]),
        Devices(kinds=["gpu"], indexes=[0], power_w=[100.0], hashrates=[[5.0]]),
        Devices(kinds=["gpu"], indexes=[0], power_w=[100.0], hashrates=[[5.0], [5.0, 5.0]]),
    ):
        log = OperationalLog(1, power_w=100.0, workloads=works, devices=devices)
        assert [one.milliwatts for one in contribution_of(log).coins] == [None, None]
    half = Devices(kinds=["gpu"] * 2, indexes=[0, 1], power_w=[100.0, 50.0], hashrates=[[5.0, None], [None, 0.5]])
    log = OperationalLog(1, power_w=300.0, workloads=works, devices=half)
    assert [one.milliwatts for one in contribution_of(log).coins] == [200_000, 100_000]


@pytest.mark.parametrize("shares", [(None, None), (0, 0), (7, 2), (-7, -2)])
def test_a_moment_of_the_past_is_counted_as_its_log_was(shares: tuple[int | None, int | None]) -> None:
    """The time machine reads figures, and not the log: its totals must not be others than the page showed then."""
    for rate, power_w in product([0.0, 0.0004, 5.25, 2e9, *NONSENSE], [0.0, 120.5, *NONSENSE]):
        log = a_log(1, Workload(coin="XMR", hashrate=rate, accepted=shares[0], rejected=shares[1]), power_w=power_w)
        assert of_one_coin("XMR", rate, power_w, *shares) == contribution_of(log), (rate, power_w)


def test_sums_of_two_rigs_are_sums_and_their_versions_grow() -> None:
    """What a rendered fragment is kept by: a version that comes again shows the totals of another moment."""
    totals, versions = Totals(), []
    one = contribution_of(a_log(1, Workload(coin="XMR", hashrate=5.0, accepted=7, rejected=2), power_w=10.0))
    other = contribution_of(a_log(1, Workload(coin="XMR", hashrate=2.0, accepted=1, rejected=1)))
    for contribution, sign in ((one, 1), (one, 1), (other, 1), (one, -1)):
        totals.add(contribution, sign)
        versions.append(totals.version)
    xmr = totals.coins["XMR"]
    assert (xmr.millihashes, xmr.rigs, xmr.accepted, xmr.rejected) == (7_000, 2, 8, 3)
    assert (xmr.milliwatts, xmr.powered_millihashes, xmr.powered_rigs) == (10_000, 5_000, 1)
    assert (totals.milliwatts, totals.powered_rigs) == (10_000, 1)
    sick = Condition("degraded", severity=1)
    for old, new in ((None, sick), (None, sick.maintained()), (None, sick.maintained()), (sick, None)):
        totals.change_state(old, new)
        versions.append(totals.version)
    assert (totals.states["degraded"], totals.sick.total(), totals.maintained, totals.rigs) == (2, 0, 2, 2)
    assert totals.counts == {"degraded": 2, "attention": 0, "maintenance": 2}
    assert versions == sorted(set(versions)), "each is larger than the one before"
