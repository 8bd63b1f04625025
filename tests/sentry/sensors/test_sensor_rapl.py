"""CPU power is energy over time, and a counter that wraps, stops or belongs to root is no nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.sentry.sensors import rapl
from rigfarm.sentry.sensors.rapl import Rapl, power, zones
from support.sysfs import SysfsTree

RANGE = 262_143_328_850


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_watts_are_the_rise_of_the_counter(tree: SysfsTree, clock: Clock) -> None:
    tree.energy(1_000_000)
    source = Rapl(tree.sys, clock)
    assert [device.power_w for device in source.read().devices] == [None]
    tree.energy(1_000_000 + 5 * 88_000_000)
    clock.now += 5
    [device] = source.read().devices
    assert (device.kind, device.index, device.power_w) == ("cpu", 0, 88.0)


def test_a_wrap_is_part_of_the_rise(tree: SysfsTree, clock: Clock) -> None:
    tree.energy(RANGE - 100_000_000)
    source = Rapl(tree.sys, clock)
    source.read()
    tree.energy(300_000_000)
    clock.now += 4
    assert source.read().devices[0].power_w == 100.0


@given(
    start=st.integers(0, RANGE - 1),
    watts=st.floats(0, 900),
    seconds=st.floats(0.1, 200),
)
def test_power_is_the_same_wherever_the_counter_stands(start: int, watts: float, seconds: float) -> None:
    risen = int(watts * seconds * 1e6)
    end = (start + risen) % RANGE
    found = power(end - start, seconds, RANGE)
    assert found == pytest.approx(watts, abs=0.001 + 1e-6 / seconds)


@pytest.mark.parametrize(
    ("risen", "seconds", "wraps"),
    [
        (-200_000_000_000, 5, RANGE),  # reset by a sleep: would be 12 kW
        (-5, 5, None),
        (100_000_000, 0, RANGE),
        (100_000_000, -1, RANGE),
        (100_000_000, 100, 65_000_000_000),  # may have wrapped twice
        (6_000_000_000, 5, RANGE),  # 1,200 W
    ],
)
def test_what_cannot_be_is_unknown(risen: int, seconds: float, wraps: int | None) -> None:
    assert power(risen, seconds, wraps) is None


def test_recorded_zones_are_whole_packages(recorded: Path) -> None:
    [zone] = zones(recorded)
    assert (zone.package, zone.wraps_at_uj) == (0, RANGE)
    assert zone.counter.name == "energy_uj"


def test_dies_of_a_package_are_added_and_packages_keep_their_place(tree: SysfsTree, clock: Clock) -> None:
    for thread, package in enumerate((0, 3)):
        tree.thread(thread, package, core=0)
    for zone, name in enumerate(("package-3-die-0", "package-3-die-1", "package-0")):
        tree.energy(0, package=zone)
        tree.put(f"class/powercap/intel-rapl:{zone}/name", name)
    source = Rapl(tree.sys, clock)
    source.read()
    for zone, watts in enumerate((30, 40, 55)):
        tree.put(f"class/powercap/intel-rapl:{zone}/energy_uj", watts * 2 * 1_000_000)
    clock.now += 2
    assert [(d.index, d.power_w) for d in source.read().devices] == [(0, 55.0), (1, 70.0)]


def test_a_die_that_is_unknown_makes_its_package_unknown(tree: SysfsTree, clock: Clock) -> None:
    for zone in range(2):
        counter = tree.energy(0, package=zone)
        tree.put(f"class/powercap/intel-rapl:{zone}/name", f"package-0-die-{zone}")
    source = Rapl(tree.sys, clock)
    source.read()
    counter.unlink()
    tree.energy(10_000_000, package=0)
    tree.put("class/powercap/intel-rapl:0/name", "package-0-die-0")
    clock.now += 1
    assert [d.power_w for d in source.read().devices] == [None]


def test_only_root_may_read_it(tree: SysfsTree, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(counter: Path) -> int:
        raise PermissionError(13, "Permission denied", str(counter))

    tree.energy(0)
    monkeypatch.setattr(rapl, "_energy", denied)
    reading = Rapl(tree.sys, clock).read()
    assert reading.devices == []
    assert "only be read by root" in str(reading.problems[0])
    assert "rigfarm sentry install" in str(reading.problems[0])


def test_a_machine_without_counters_is_normal(tree: SysfsTree) -> None:
    reading = Rapl(tree.sys).read()
    assert (reading.devices, reading.problems) == ([], [])
