"""The totals are the sum over the rigs that are up, exactly, whatever happened before."""

from __future__ import annotations

import math
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.contribution import contribution_of
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
