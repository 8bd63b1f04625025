"""New coins for ever from one rig: totals, normals and the day's courses stay small, and those of others stay."""

from __future__ import annotations

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats, Totals
from rigfarm.commander.stats import day as days
from rigfarm.commander.stats.contribution import MAX_COINS, OTHER, CoinShare, Contribution, contribution_of
from rigfarm.commander.stats.day import Day
from rigfarm.commander.stats.normal import MAX_NORMALS
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload


def test_new_coins_for_ever_leave_nothing_behind() -> None:
    stats = OperationalStats(Hub(), Events(), interval_s=5.0)
    stats.add(1, "cpu-gpu")
    stats.link_up(1)
    now = utc_ms()
    for number in range(2_000):
        coins = [Workload(coin=f"C{number}-{n}", hashrate=1.0) for n in range(32)]
        stats.receive(1, OperationalLog(t=now + number, workloads=coins))
        assert len(stats.totals["cpu-gpu"].coins) == MAX_COINS + 1
    assert stats.totals["cpu-gpu"].coins[OTHER].hashrate == 32 - MAX_COINS
    assert len(stats.rigs[1].normal) <= MAX_NORMALS
    stats.remove(1)
    assert stats.totals["cpu-gpu"].coins == {}


def test_a_coin_that_is_mined_on_keeps_its_normal_beside_new_ones() -> None:
    stats = OperationalStats(Hub(), Events(), interval_s=5.0)
    rig = stats.add(1, "cpu-gpu")
    stats.link_up(1)
    now = utc_ms()
    for number in range(1_000):
        coins = [Workload(coin="XMR", hashrate=9.0), Workload(coin=f"C{number}", hashrate=1.0)]
        stats.receive(1, OperationalLog(t=now + number, workloads=coins))
    assert rig.normal["XMR"].samples == 1_000


def test_the_course_of_a_coin_is_not_kept_out_by_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sparkline of a coin that the farm begins to mine was empty, because another rig had named 500 coins."""
    monkeypatch.setattr(days, "MAX_COINS", 20)
    day, totals = Day(), Totals()

    def mined(coin: str, sign: int) -> None:
        totals.add(Contribution((CoinShare(coin, 1_000, None, 0, 0),)), sign)

    mined("KAS", 1)
    for number in range(500):
        mined(f"C{number}", 1)
        if number == 400:
            mined("XMR", 1)
        day.sample(totals, number * 10.0)
        mined(f"C{number}", -1)
    assert len(day.coins) == 20
    assert day.sparks()["XMR"][-1] == 1.0
    assert [one for one in day.sparks()["KAS"] if one is not None] == [1.0] * 6


def test_power_is_split_by_what_a_log_holds_and_not_by_what_it_names() -> None:
    """512 devices and 32 workloads are 16,000 questions, although a log of 3 KB that names them answers none."""
    names = [Workload(coin=f"C{n}", hashrate=1.0) for n in range(8)]
    empty = OperationalLog(1, power_w=90.0, workloads=names, devices=Devices(kinds=["gpu"] * 512, hashrates=[[]] * 8))
    assert {share.milliwatts for share in contribution_of(empty).coins} == {None}
    rows = [
        Device("gpu", 0, hashrates=[5.0, None], power_w=100.0),
        Device("gpu", 1, hashrates=[5.0, 7.0], power_w=100.0),
        Device("gpu", 2, hashrates=[None, 7.0], power_w=50.0),
        Device("gpu", 3, hashrates=[None, None], power_w=50.0),
    ]
    log = OperationalLog(1, power_w=500.0, workloads=names[:2], devices=Devices.from_rows(rows))
    assert [(one.coin, one.milliwatts) for one in contribution_of(log).coins] == [("C0", 300_000), ("C1", 200_000)]


def test_rows_of_devices_have_no_cells_that_the_log_has_not() -> None:
    devices = Devices(kinds=["gpu"] * 512, hashrates=[[], [1.0] * 512, *[[]] * 30])
    assert {len(device.hashrates) for device in devices} == {2}
    assert all(device.hashrates == [None, 1.0] for device in devices)
