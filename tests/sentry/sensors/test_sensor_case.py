"""Fans of the case and the power supply."""

from __future__ import annotations

from rigfarm.sentry.sensors.chassis import ChassisFans
from rigfarm.sentry.sensors.supply import PowerSupply
from support.sysfs import SysfsTree

BOARD = "devices/platform/nct6775.656/hwmon/hwmon2"


def test_a_fan_that_stops_says_zero_and_an_empty_header_nothing(tree: SysfsTree) -> None:
    tree.hwmon(BOARD, "nct6798", fan1_input=1180, fan2_input=0, fan10_input=902)
    fans = ChassisFans(tree.sys)
    assert fans.read().fans == [1180.0, 902.0]
    tree.put(f"{BOARD}/fan1_input", 0)
    assert fans.read().fans == [0.0, 902.0]


def test_a_fan_that_reads_nonsense_keeps_its_place(tree: SysfsTree) -> None:
    tree.hwmon(BOARD, "nct6798", fan1_input=1180, fan2_input=700)
    fans = ChassisFans(tree.sys)
    fans.read()
    tree.put(f"{BOARD}/fan1_input", 65535)
    assert fans.read().fans == [None, 700.0]


def test_fans_of_cards_are_not_of_the_case(tree: SysfsTree) -> None:
    tree.hwmon("devices/pci0000:00/0000:03:00.0/hwmon/hwmon3", "amdgpu", fan1_input=2000)
    assert ChassisFans(tree.sys).read().fans == []


def test_supplies_are_added(tree: SysfsTree) -> None:
    tree.hwmon("devices/usb1/hwmon/hwmon4", "corsairpsu", power1_input=512_000_000)
    tree.hwmon("devices/usb2/hwmon/hwmon5", "corsairpsu", power1_input=480_500_000)
    assert PowerSupply(tree.sys).read().power_w == 992.5


def test_half_of_the_supplies_is_unknown(tree: SysfsTree) -> None:
    tree.hwmon("devices/usb1/hwmon/hwmon4", "corsairpsu", power1_input=512_000_000)
    tree.hwmon("devices/usb2/hwmon/hwmon5", "corsairpsu", power1_input="N/A")
    assert PowerSupply(tree.sys).read().power_w is None


def test_the_boards_meter_counts_for_all(tree: SysfsTree) -> None:
    tree.hwmon("devices/usb1/hwmon/hwmon4", "corsairpsu", power1_input=512_000_000)
    tree.hwmon("devices/acpi/hwmon/hwmon5", "power_meter", power1_average=1_040_000_000)
    assert PowerSupply(tree.sys).read().power_w == 1040.0


def test_a_meter_that_says_zero_measures_nothing(tree: SysfsTree) -> None:
    tree.hwmon("devices/acpi/hwmon/hwmon5", "power_meter", power1_average=0)
    assert PowerSupply(tree.sys).read().power_w is None


def test_a_driver_that_answers_with_an_error_is_said(tree: SysfsTree) -> None:
    """Not being there is no error; being there and failing is."""
    supply, meter = PowerSupply(tree.sys), "devices/acpi/hwmon/hwmon5"
    tree.hwmon(meter, "power_meter", power1_average=1_040_000_000)
    assert supply.read().problems == []
    (tree.sys / meter / "power1_average").unlink()
    assert supply.read().problems == []
    (tree.sys / meter / "power1_average").mkdir()
    reading = supply.read()
    assert reading.power_w is None
    assert [str(problem) for problem in reading.problems] == [
        "Power supply: its driver answers with an error (Is a directory)."
    ]

    fans = ChassisFans(tree.sys)
    tree.hwmon(BOARD, "nct6775", fan1_input=900, fan2_input=0)
    assert fans.read().fans == [900.0]
    (tree.sys / BOARD / "fan1_input").unlink()
    (tree.sys / BOARD / "fan1_input").mkdir()
    assert (fans.read().fans, len(fans.read().problems)) == ([None], 1)
