"""NVIDIA cards are read through the driver's library, and every way it can fail has its own outcome."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_pynvml import (
    DRIVER_NOT_LOADED,
    GPU_IS_LOST,
    NOT_SUPPORTED,
    UNINITIALIZED,
    UNKNOWN,
    VERSION_MISMATCH,
    FakeNvml,
    NVMLError,
    healthy,
)

from rigfarm.sentry.sensors import SourceFailed
from rigfarm.sentry.sensors.nvml import Nvml, open_source
from rigfarm.simulate.rigs import SimGpu
from support.sysfs import SysfsTree

NO_CARDS = Path("/nonexistent/sys")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def source(driver: FakeNvml, root: Path = NO_CARDS, clock: Clock | None = None) -> Nvml:
    return Nvml(root, driver.module, clock or Clock())


def test_it_works() -> None:
    nvml = source(FakeNvml(healthy("00000000:0A:00.0")))
    [card] = nvml.read().devices
    assert (card.kind, card.id, card.name) == ("gpu", "0000:0a:00.0", "NVIDIA GeForce RTX 3080")
    assert (card.core_c, card.memory_c) == (63.0, 86.0)
    assert (card.core_mhz, card.memory_mhz) == (1665.0, 9251.0)
    assert (card.fan_percent, card.fan_rpm) == (71.0, 2450.0)
    assert (card.power_w, card.power_limit_w) == (229.4, 240.0)  # 229,417 mW
    [specs] = nvml.gpu_specs()
    assert (specs.id, specs.vendor, specs.driver, specs.vbios) == (
        "0000:0a:00.0",
        "NVIDIA",
        "550.120",
        "94.02.42.40.6C",
    )
    assert specs.memory_bytes == 10 * 1024**3
    assert (specs.power_limit_w, specs.power_limit_min_w, specs.power_limit_max_w) == (240.0, 100.0, 370.0)


def test_what_a_card_does_not_tell_is_unknown() -> None:
    card = healthy("00000000:01:00.0", nvmlDeviceGetFanSpeed=None, nvmlDeviceGetFanSpeedRPM=None)
    card.memory_c = None
    [device] = source(FakeNvml(card)).read().devices
    assert (device.memory_c, device.fan_percent, device.fan_rpm) == (None, None, None)
    assert device.core_c == 63.0


def test_nonsense_is_unknown() -> None:
    card = healthy("00000000:01:00.0", nvmlDeviceGetTemperature=511, nvmlDeviceGetPowerUsage=4_294_967_295)
    card.memory_c = 0
    [device] = source(FakeNvml(card)).read().devices
    assert (device.core_c, device.power_w, device.memory_c) == (None, None, None)


def test_an_older_library_without_a_function_costs_that_value_only() -> None:
    module = FakeNvml(healthy("00000000:01:00.0")).module()
    del module.nvmlDeviceGetFanSpeedRPM
    [device] = Nvml(NO_CARDS, lambda: module).read().devices
    assert device.fan_rpm is None
    assert device.fan_percent == 71.0


def test_a_newer_library_without_the_old_temperature_call() -> None:
    module = FakeNvml(healthy("00000000:01:00.0")).module()
    module.nvmlDeviceGetTemperatureV = module.nvmlDeviceGetTemperature
    del module.nvmlDeviceGetTemperature
    assert Nvml(NO_CARDS, lambda: module).read().devices[0].core_c == 63.0


def test_names_may_be_bytes() -> None:
    card = healthy("00000000:01:00.0")
    card.name = b"NVIDIA P106-100"
    assert source(FakeNvml(card)).read().devices[0].name == "NVIDIA P106-100"


def test_a_lost_card_is_left_out_and_the_others_go_on() -> None:
    driver = FakeNvml(healthy("00000000:01:00.0"), healthy("00000000:02:00.0"))
    nvml = source(driver)
    assert len(nvml.read().devices) == 2
    driver.cards[0].error = GPU_IS_LOST
    assert [device.id for device in nvml.read().devices] == ["0000:02:00.0"]


def test_a_card_that_fails_otherwise_stays_with_unknown_values() -> None:
    driver = FakeNvml(healthy("00000000:01:00.0"))
    nvml = source(driver)
    nvml.read()
    driver.cards[0].error = UNKNOWN
    reading = nvml.read()
    [device] = reading.devices
    assert (device.id, device.core_c, device.power_w, device.missing) == ("0000:01:00.0", None, None, True)
    assert [problem.why for problem in reading.problems] == [
        f"the driver answers every question about it with an error (error {UNKNOWN})"
    ]
    driver.cards[0].error = None
    assert nvml.read().problems == []


@pytest.mark.parametrize(
    ("error", "told"), [(NOT_SUPPORTED, False), (4, False), (UNKNOWN, True), (10, True), (16, True)]
)
def test_one_value_that_fails_is_told_unless_the_card_does_not_have_it(error: int, *, told: bool) -> None:
    card = healthy("00000000:01:00.0", nvmlDeviceGetPowerUsage=NVMLError(error))
    reading = source(FakeNvml(card)).read()
    [device] = reading.devices
    assert (device.power_w, device.core_c, device.missing) == (None, 63.0, False)
    assert [problem.what for problem in reading.problems] == (
        ["NVIDIA card 0000:01:00.0 (NVIDIA GeForce RTX 3080)"] if told else []
    )


def test_a_card_that_is_dead_at_the_start_is_named() -> None:
    driver = FakeNvml(healthy("00000000:01:00.0"), healthy("00000000:02:00.0"))
    driver.cards[1].error = UNKNOWN
    reading = source(driver).read()
    assert [device.id for device in reading.devices] == ["0000:01:00.0"]
    assert "card number 1" in str(reading.problems[0])
    assert "riser" in str(reading.problems[0])


def test_when_all_cards_are_lost_it_connects_anew_after_a_while() -> None:
    driver, clock = FakeNvml(healthy("00000000:01:00.0")), Clock()
    nvml = source(driver, clock=clock)
    nvml.read()
    driver.cards[0].error = GPU_IS_LOST
    assert nvml.read().devices == []
    driver.cards[0].error = None
    assert nvml.read().devices == []
    clock.now += 31
    assert len(nvml.read().devices) == 1
    assert driver.calls.count("nvmlInit") == 2


def test_without_a_library_there_is_nothing_and_no_problem() -> None:
    reading = Nvml(NO_CARDS, lambda: None).read()
    assert (reading.devices, reading.problems) == ([], [])


def test_a_driver_that_does_not_start_is_normal_where_there_are_no_cards() -> None:
    driver = FakeNvml()
    driver.init_error = DRIVER_NOT_LOADED
    assert source(driver).read().problems == []


@pytest.mark.parametrize(
    ("error", "says"), [(DRIVER_NOT_LOADED, "does not answer"), (VERSION_MISMATCH, "Reboot this machine")]
)
def test_a_driver_that_does_not_start_is_a_problem_where_there_is_a_card(
    tree: SysfsTree, error: int, says: str
) -> None:
    tree.card(SimGpu("0000:01:00.0"), 0)
    driver = FakeNvml()
    driver.init_error = error
    with pytest.raises(SourceFailed, match=says):
        source(driver, tree.sys).read()


def test_a_card_without_a_driver_is_a_problem(tree: SysfsTree) -> None:
    tree.card(SimGpu("0000:01:00.0"), 0)
    tree.driver("0000:01:00.0", None)
    with pytest.raises(SourceFailed, match=r"0000:01:00\.0.*driver is missing.*apt install nvidia-driver"):
        Nvml(tree.sys, lambda: None).read()


def test_nouveau_is_named(tree: SysfsTree) -> None:
    tree.card(SimGpu("0000:01:00.0"), 0)
    tree.driver("0000:01:00.0", "nouveau")
    with pytest.raises(SourceFailed, match="nouveau"):
        Nvml(tree.sys, lambda: None).read()


def test_a_card_passed_on_to_a_virtual_machine_is_no_problem(tree: SysfsTree) -> None:
    tree.card(SimGpu("0000:01:00.0"), 0)
    tree.driver("0000:01:00.0", "vfio-pci")
    assert Nvml(tree.sys, lambda: None).read().problems == []


def test_the_missing_python_package_is_named() -> None:
    def load() -> None:
        raise ImportError("pynvml")

    with pytest.raises(SourceFailed, match="nvidia-ml-py"):
        Nvml(NO_CARDS, load).read()


def test_a_driver_that_goes_away_is_told_once_a_retry_and_comes_back() -> None:
    driver, clock = FakeNvml(healthy("00000000:01:00.0")), Clock()
    nvml = source(driver, clock=clock)
    nvml.read()
    driver.error = UNINITIALIZED
    for _ in range(3):
        with pytest.raises(SourceFailed):
            nvml.read()
    assert driver.calls.count("nvmlInit") == 1
    driver.error = None
    clock.now += 31
    assert len(nvml.read().devices) == 1


def test_a_machine_in_a_folder_is_never_mixed_with_the_real_driver(tree: SysfsTree) -> None:
    reading = open_source(tree.sys).read()
    assert (reading.devices, reading.problems) == ([], [])
