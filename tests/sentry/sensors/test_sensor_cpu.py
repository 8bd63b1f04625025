"""CPU packages and their temperatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.sentry.sensors.cpu import CpuPackages, hottest, share_out
from rigfarm.sentry.sensors.hwmon import Chip
from rigfarm.sentry.sensors.processors import Processors, processors
from rigfarm.simulate.sysfs import SysfsTree


def test_recorded_packages_are_two_devices(recorded: Path) -> None:
    devices = CpuPackages(recorded).read().devices
    assert [(device.kind, device.index, device.core_c) for device in devices] == [("cpu", 0, 55.0), ("cpu", 1, 55.0)]


@pytest.mark.parametrize(
    ("probes", "celsius"),
    [
        ([("Package id 0", 71.0), ("Core 0", 75.0)], 71.0),
        ([("Physical id 0", 60.0), ("Core 0", 58.0)], 60.0),
        ([("Core 0", 58.0), ("Core 1", 61.0)], 61.0),
        ([("Tctl", 90.0), ("Tdie", 70.0), ("Tccd1", 72.0)], 70.0),
        ([("Tctl", 66.0), ("Tccd1", 60.0)], 66.0),
        ([("Tdie", None), ("Tctl", 66.0)], 66.0),
        ([("temp1", 44.0)], 44.0),
        ([("Tctl", None)], None),
        ([], None),
    ],
)
def test_the_sensor_that_speaks_for_the_package_is_taken(
    probes: list[tuple[str, float | None]], celsius: float | None
) -> None:
    assert hottest(probes) == celsius


@pytest.mark.parametrize(
    ("chips", "packages", "groups"),
    [
        (["a", "b"], [0, 1], [["a"], ["b"]]),
        (["a", "b", "c", "d"], [0, 1], [["a", "b"], ["c", "d"]]),
        (["a", "b"], [0], [["a", "b"]]),
        (["a"], [0, 1], [["a"], []]),
        (["a", "b"], [], [["a"], ["b"]]),
        ([], [0], [[]]),
        ([], [], []),
    ],
)
def test_chips_are_shared_out_among_packages(chips: list[str], packages: list[int], groups: list[list[str]]) -> None:
    found = [Chip(Path(name), "k10temp", name) for name in chips]
    shared = share_out(found, Processors(packages=packages))
    assert [[chip.device for chip in group] for group in shared] == groups


def test_many_packages_stay_in_order(tree: SysfsTree) -> None:
    for package in range(12):
        tree.cpu_temperature(40 + package, "coretemp", "Package id 0", package)
        tree.thread(package, package, core=0)
    assert [device.core_c for device in CpuPackages(tree.sys).read().devices] == [40.0 + n for n in range(12)]


def test_a_new_value_is_read(tree: SysfsTree) -> None:
    tree.cpu_temperature(50)
    cpu = CpuPackages(tree.sys)
    assert cpu.read().devices[0].core_c == 50.0
    tree.cpu_temperature(61.5)
    assert cpu.read().devices[0].core_c == 61.5


def test_the_cpu_is_listed_without_a_sensor_and_the_driver_named(tree: SysfsTree) -> None:
    tree.thread(0, package=0, core=0)
    reading = CpuPackages(tree.sys).read()
    assert [(device.index, device.core_c) for device in reading.devices] == [(0, None)]
    assert "modprobe" in str(reading.problems[0])


def test_a_virtual_machine_misses_nothing(tree: SysfsTree) -> None:
    tree.thread(0, package=0, core=0)
    cpuinfo = tree.folder / "proc/cpuinfo"
    cpuinfo.parent.mkdir()
    cpuinfo.write_text("model name\t: QEMU Virtual   CPU\nflags\t\t: fpu hypervisor lahf_lm\n")
    reading = CpuPackages(tree.sys).read()
    assert reading.problems == []
    assert reading.devices[0].name == "QEMU Virtual CPU"


def test_other_chips_are_not_the_cpu(tree: SysfsTree) -> None:
    tree.hwmon("devices/virtual/nvme/hwmon7", "nvme", temp1_input=38000)
    assert CpuPackages(tree.sys).read().devices == []


def test_cores_and_threads_are_counted(tree: SysfsTree) -> None:
    for thread in range(8):
        tree.thread(thread, package=thread % 2, core=thread // 4)
    found = processors(tree.sys)
    assert (found.packages, found.cores, found.threads) == ([0, 1], 4, 8)
    assert processors(Path("/nonexistent/sys")) == Processors()
