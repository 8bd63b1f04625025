"""A rig's row: what it says in which unit, and what it does when things are unknown, missing, many or old."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import nan

import pytest

from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import CoinUnits, RigRow, coin_units, row
from rigfarm.commander.rigs.view.strip import strip
from rigfarm.commander.stats import CoinTotals, RigStats
from rigfarm.commander.stats.condition import Condition
from rigfarm.common.clock import _iso, iso
from rigfarm.units import THIN, UNKNOWN
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

RIG = Rig(7, "rig-07", "cpu-gpu", created_at=0)


def gpus(*temperatures: float | None, **changes: float | str | None) -> list[Device]:
    return [Device(kind="gpu", index=n, core_c=c, **changes) for n, c in enumerate(temperatures)]  # type: ignore[arg-type]


def shown(
    *workloads: Workload,
    devices: Sequence[Device] = (),
    counted: bool = True,
    power_w: float | None = 641.4,
    units: CoinUnits | None = None,
) -> RigRow:
    log = OperationalLog(
        t=1, uptime_s=273_600, power_w=power_w, workloads=list(workloads), devices=Devices.from_rows(list(devices))
    )
    stats = RigStats(7, "cpu-gpu", log=log, heard_ms=1_000, counted=counted, condition=Condition("online"))
    return row(RIG, stats, units or CoinUnits(), 3_500)


KAS = Workload(coin="KAS", algorithm="kheavyhash", hashrate=2.031e9, accepted=1204, rejected=10, state="mining")


def test_it_works() -> None:
    found = shown(KAS, devices=gpus(64, 66, 91))
    assert (found.href, found.lines[0].hashrate, found.lines[0].unit) == ("/rigs/7", "2.031", "GH/s")
    assert (found.shares, found.rejects, found.rejects_level) == (f"1{THIN}204", "0.8", "")
    assert (found.power, found.power_unit, found.uptime, found.seen) == ("641", "W", "3 d 4 h", "2 s")


def test_a_rig_that_never_reported_has_no_numbers() -> None:
    found = row(RIG, RigStats(7, "cpu-gpu"), CoinUnits(), 0)
    assert (found.lines, found.shares, found.power, found.uptime, found.seen) == ((), *[UNKNOWN] * 4)


@pytest.mark.parametrize("nonsense", [None, nan, -100.0, 1e308])
def test_nonsense_is_unknown(nonsense: float | None) -> None:
    found = shown(Workload(coin="KAS", hashrate=nonsense), power_w=nonsense, devices=gpus(nonsense))
    assert (found.lines[0].hashrate, found.lines[0].unit, found.power) == (UNKNOWN, "", UNKNOWN)
    assert f">{UNKNOWN}</b>" in found.strip
    assert "nan" not in found.strip
    assert "e+" not in found.strip


def test_a_rig_that_is_away_keeps_its_coin_and_loses_its_numbers() -> None:
    found = shown(KAS, devices=gpus(64), counted=False)
    assert found.faded
    assert (found.lines[0].coin, found.lines[0].hashrate, found.power, found.shares) == ("KAS", UNKNOWN, *[UNKNOWN] * 2)


def test_neighbours_of_a_coin_share_a_unit() -> None:
    units = CoinUnits()
    units.follow({"XMR": CoinTotals(millihashes=2_000_000_000, rigs=2)})
    rates = [shown(Workload(coin="XMR", hashrate=rate), units=units).lines[0] for rate in (998e3, 1002e3)]
    assert [(line.hashrate, line.unit) for line in rates] == [("0.9980", "MH/s"), ("1.002", "MH/s")]


def test_a_unit_does_not_flap() -> None:
    units = CoinUnits()
    changes = [
        units.follow({"XMR": CoinTotals(millihashes=round(mean * 1000), rigs=1)})
        for mean in (900e3, 1_100e3, 950e3, 1_900e3)
    ]
    assert changes == [True, False, False, False]
    assert units.of("XMR").symbol == "kH/s"
    assert units.follow({"XMR": CoinTotals(millihashes=round(4e9) * 1000, rigs=1)})
    assert units.of("XMR").symbol == "GH/s"


def test_a_new_coin_of_one_rig_leaves_the_rows_of_others_as_they_are() -> None:
    """A rig that mines another coin with each log would have every row of every page drawn anew each time."""
    units = CoinUnits()
    units.follow({"XMR": CoinTotals(millihashes=9_000_000, rigs=1)})
    drawn_with = units.of_all(["XMR"])
    for number in range(3_000):
        units.follow({"XMR": CoinTotals(millihashes=9_000_000, rigs=1), f"N{number}": CoinTotals(1_000, 1)})
        assert units.of_all(["XMR"]) == drawn_with
    assert len(units._units) <= coin_units.MAX_COINS + 1


@pytest.mark.parametrize(
    ("device", "text", "level"),
    [
        (Device(kind="gpu", index=0, core_c=64.4), "64", ""),
        (Device(kind="gpu", index=0, core_c=76), "76", " warn"),
        (Device(kind="gpu", index=0, core_c=91), "91", " bad"),
        (Device(kind="gpu", index=0, core_c=64, memory_c=84), "84", ""),
        (Device(kind="gpu", index=0, core_c=86, memory_c=92), "86", " bad"),
        (Device(kind="gpu", index=0, core_c=64, chip_c=99), "64", ""),
        (Device(kind="hashboard", index=0, core_c=64, chip_c=81), "81", " warn"),
        (Device(kind="cpu", index=0, core_c=81), "81", " warn cpu"),
        (Device(kind="gpu", index=0), UNKNOWN, ""),
    ],
)
def test_a_cell_shows_the_sensor_that_matters_most(device: Device, text: str, level: str) -> None:
    html = strip(OperationalLog(t=1, devices=Devices.from_rows([device])))
    assert html.startswith(f'<b class="dev{level}" ')
    assert html.endswith(f">{text}</b>")


def test_a_missing_device_is_struck_out_and_keeps_its_place() -> None:
    devices = [*gpus(61), Device(kind="gpu", index=1, missing=True), Device(kind="gpu", index=2, core_c=63)]
    html = strip(OperationalLog(t=1, devices=Devices.from_rows(devices)))
    assert [part.split("</b>")[0].rpartition('">')[2] for part in html.split("<b ")[1:]] == [
        "61",
        f"<s>{UNKNOWN}</s>",
        "63",
    ]
    assert "GPU 1 · missing" in html


def test_hover_tells_all() -> None:
    device = Device(kind="gpu", index=3, name="RTX 3080", core_c=64, memory_c=84, fan_percent=62, power_w=107)
    html = strip(OperationalLog(t=1, devices=Devices.from_rows([device])))
    assert 'title="GPU 3 RTX 3080 · 64 °C · 84 °C memory · fan 62 % · 107 W"' in html


def test_more_than_twelve_fold_and_the_sick_ones_stay_in_sight() -> None:
    temperatures = [60.0] * 15
    temperatures[14] = 91.0
    html = strip(OperationalLog(t=1, devices=Devices.from_rows(gpus(*temperatures))))
    assert html.count("<b ") == 12
    assert html.endswith(">+4</b>")
    assert ">91</b>" in html


@pytest.mark.parametrize(
    ("cpu", "cells"),
    [
        (Device(kind="cpu", index=0, core_c=48), 1),
        (Device(kind="cpu", index=0, core_c=48, hashrates=[9e3]), 2),
        (Device(kind="cpu", index=0, core_c=85), 2),
    ],
)
def test_a_cpu_beside_gpus_shows_when_it_mines_or_is_hot(cpu: Device, cells: int) -> None:
    html = strip(OperationalLog(t=1, devices=Devices.from_rows([cpu, *gpus(60)])))
    assert html.count("<b ") == cells


def test_columns_of_a_wrong_length_are_unknown() -> None:
    devices = Devices(kinds=["gpu", "gpu"], indexes=[0], core_c=[64.0], names=["one"])
    html = strip(OperationalLog(t=1, devices=devices))
    assert html.count(f">{UNKNOWN}</b>") == 2


def test_far_under_its_normal_is_coloured() -> None:
    slow = Workload(coin="KAS", hashrate=60.0, expected_hashrate=100.0)
    assert shown(slow).lines[0].level == "bad"
    assert shown(slow).lines[0].share == "60 %"


def test_times_are_utc_wherever_the_commander_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser reads them as UTC: in India every time of the farm would be five and a half hours off."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        _iso.cache_clear()
        assert time.localtime(0).tm_hour == 5, "the zone is set"
        assert iso(1_700_000_000_999) == "2023-11-14T22:13:20Z"
        assert iso(None) == ""
    finally:
        monkeypatch.undo()
        time.tzset()
