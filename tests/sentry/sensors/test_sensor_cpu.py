"""CPU packages and their temperatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.sentry.sensors.cpu import CpuPackages, hottest, share_out
from rigfarm.sentry.sensors.hwmon import Chip
from rigfarm.sentry.sensors.processors import Processors, processors
from support.sysfs import SysfsTree

ARM = "processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n"


def put(tree: SysfsTree, path: str, text: str) -> None:
    (tree.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (tree.folder / path).write_text(text)


def board(tree: SysfsTree, packages: list[int], model: str | None = "A board\0") -> None:
    put(tree, "proc/cpuinfo", ARM)
    if model is not None:
        put(tree, "proc/device-tree/model", model)
    for number, package in enumerate(packages):
        tree.thread(number, package, core=number)


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


@pytest.mark.parametrize(
    ("vendor", "advice"),
    [
        ("vendor_id\t: GenuineIntel", "Run `modprobe coretemp`."),
        ("vendor_id\t: AuthenticAMD", "Run `modprobe k10temp`."),
        ("CPU implementer\t: 0x41", "A newer kernel or device tree for this board may have one."),
        ("isa\t: rv64imafdc", "A newer kernel or device tree for this board may have one."),
    ],
)
def test_the_cpu_is_listed_without_a_sensor_and_the_advice_fits_the_machine(
    tree: SysfsTree, vendor: str, advice: str
) -> None:
    tree.thread(0, package=0, core=0)
    put(tree, "proc/cpuinfo", f"processor\t: 0\n{vendor}\n")
    reading = CpuPackages(tree.sys).read()
    assert [(device.index, device.core_c) for device in reading.devices] == [(0, None)]
    assert [problem.fix for problem in reading.problems] == [advice]


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


@pytest.mark.parametrize(
    ("names", "celsius"),
    [
        ({"cpu_thermal": 55_100, "gpu_thermal": 80_000, "nvme": 70_000}, 55.1),
        ({"soc_thermal": 50_000, "bigcore1_thermal": 61_000, "npu_thermal": 90_000}, 61.0),
        ({"cluster0_thermal": 47_000, "ddr_thermal": 91_000, "iwlwifi_1": 95_000}, 47.0),
        ({"cpu0_thermal": 0, "cpu1_thermal": 48_000}, 48.0),
        ({"120e0000.temperature_sensor": 49_000, "nvme": 60_000}, 49.0),
        ({"package_thermal": 51_000, "bigcore2_thermal": 58_000, "gpu_thermal": 70_000}, 58.0),  # RK3588, new kernels
    ],
)
def test_boards_name_their_sensors_in_their_own_ways(tree: SysfsTree, names: dict[str, int], celsius: float) -> None:
    board(tree, [0, 0, 1, 1])
    for number, (name, value) in enumerate(names.items()):
        tree.hwmon(f"devices/virtual/thermal/thermal_zone{number}/hwmon{number}", name, temp1_input=value)
    reading = CpuPackages(tree.sys).read()
    assert [(cpu.index, cpu.core_c) for cpu in reading.devices] == [(0, celsius)]
    assert reading.problems == []


@pytest.mark.parametrize(
    ("zones", "celsius"),
    [
        ({"CPU-therm": "41500", "GPU-therm": "60000", "PMIC-Die": "100000"}, 41.5),
        ({"cpuss0-thermal": "44000", "cpu4-thermal": "52300", "modem-thermal": "90000"}, 52.3),
        ({"soc_thermal": "46"}, 46.0),  # an old kernel's °C
        ({"zone-of-no-name": "43000", "gpu": "70000"}, 43.0),
        ({"acpitz": "47000"}, 47.0),  # a board that starts by UEFI
        ({"cpul_thermal_zone": "52000", "cpub_thermal_zone": "56000", "npu_thermal_zone": "71000"}, 56.0),  # A733
        ({"sun8i-thermal": "57"}, 57.0),
    ],
)
def test_a_board_may_have_thermal_zones_only(tree: SysfsTree, zones: dict[str, str], celsius: float) -> None:
    board(tree, [0, 0])
    for number, (kind, value) in enumerate(zones.items()):
        tree.put(f"class/thermal/thermal_zone{number}/type", kind)
        tree.put(f"class/thermal/thermal_zone{number}/temp", value)
    reading = CpuPackages(tree.sys).read()
    assert [cpu.core_c for cpu in reading.devices] == [celsius]
    assert reading.problems == []


def test_a_pc_without_the_driver_of_its_processor_has_a_thermal_zone(tree: SysfsTree) -> None:
    put(tree, "proc/cpuinfo", "vendor_id\t: GenuineIntel\nmodel name\t: Intel Core i5\nflags\t: fpu\n")
    tree.thread(0, 0, core=0)
    for number, (kind, value) in enumerate({"acpitz": "27800", "x86_pkg_temp": "66000"}.items()):
        tree.put(f"class/thermal/thermal_zone{number}/type", kind)
        tree.put(f"class/thermal/thermal_zone{number}/temp", value)
    assert [cpu.core_c for cpu in CpuPackages(tree.sys).read().devices] == [66.0]


def test_a_sensor_whose_driver_answers_with_an_error_is_a_problem(tree: SysfsTree) -> None:
    tree.cpu_temperature(50)
    (path,) = tree.sys.glob("devices/pci0000:00/*/hwmon/hwmon0/temp1_input")
    path.unlink()
    path.mkdir()  # reading it fails, and not for being absent
    reading = CpuPackages(tree.sys).read()
    assert [cpu.core_c for cpu in reading.devices] == [None]
    assert [str(problem) for problem in reading.problems] == [
        "CPU temperature: its driver answers with an error (Is a directory)."
    ]


@pytest.mark.parametrize(
    ("packages", "model", "sockets"),
    [
        ([0, 0, 1, 1, 1, 1], "Hardkernel ODROID-N2Plus", [0]),
        ([0, 1, 2, 3, 4, 5, 6, 7], None, [0]),  # ACPI on a small board: a package per core
        ([0] * 4 + [1] * 4, None, [0]),
        ([0] * 32 + [1] * 32, None, [0, 1]),  # a server of two sockets
        ([36] * 80 + [3180] * 80, None, [36, 3180]),
        ([-1] * 4, "Some board", [-1]),
    ],
)
def test_clusters_of_an_arm_chip_are_not_sockets(
    tree: SysfsTree, packages: list[int], model: str | None, sockets: list[int]
) -> None:
    board(tree, packages, model)
    found = processors(tree.sys)
    assert (found.packages, found.threads) == (sockets, len(packages))


@pytest.mark.parametrize(
    ("cpuinfo", "model", "name"),
    [
        (ARM, "Orange Pi 5\0", "Orange Pi 5"),
        (ARM, "Radxa ROCK 5B\n\0", "Radxa ROCK 5B"),
        (ARM, None, "ARM Cortex-A76"),
        (
            "model name\t: ARMv7 Processor rev 4 (v7l)\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 3\n",
            None,
            "Raspberry Pi 3",
        ),
        (
            "model name\t: ARMv7 Processor rev 5 (v7l)\nHardware\t: Allwinner sun8i Family\n",
            None,
            "Allwinner sun8i Family",
        ),
        ("Hardware\t: Generic DT based system\nCPU part\t: 0xd03\n", None, "ARM Cortex-A53"),
        ("model name\t: AMD Ryzen 5 3600\nflags\t: fpu\n", None, "AMD Ryzen 5 3600"),
        ("", None, None),
    ],
)
def test_the_processor_has_the_name_that_says_most(
    tree: SysfsTree, cpuinfo: str, model: str | None, name: str | None
) -> None:
    put(tree, "proc/cpuinfo", cpuinfo)
    if model is not None:
        put(tree, "proc/device-tree/model", model)
    assert processors(tree.sys).name == name
