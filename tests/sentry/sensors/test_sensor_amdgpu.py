"""AMD cards are read from the kernel's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.sentry.sensors.amd_names import in_amdgpu_ids, in_pci_ids
from rigfarm.sentry.sensors.amdgpu import AmdGpu
from rigfarm.sentry.sensors.amdgpu_card import current_mhz
from rigfarm.simulate.rigs import SimGpu
from support.sysfs import SysfsTree

RX6800 = "AMD Radeon RX 6800 XT"
HWMON = "devices/pci0000:00/0000:03:00.0/hwmon/hwmon10"


@pytest.fixture
def card(tree: SysfsTree) -> SimGpu:
    gpu = SimGpu("0000:03:00.0", RX6800, power_w=120, core_mhz=1305, memory_mhz=1070, memory_bytes=16 << 30)
    gpu.core_c, gpu.drawn_w, gpu.fan_percent = 57.0, 118.4, 60.0
    tree.card(gpu, 0)
    return gpu


def test_it_works(tree: SysfsTree, card: SimGpu) -> None:
    amd = AmdGpu(tree.sys)
    [device] = amd.read().devices
    assert (device.kind, device.id, device.name) == ("gpu", "0000:03:00.0", RX6800)
    assert (device.core_c, device.chip_c) == (57.0, 66.0)
    assert device.memory_c == pytest.approx(card.memory_c, abs=0.05)
    assert (device.core_mhz, device.memory_mhz) == (1305.0, 1070.0)
    assert (device.fan_percent, device.fan_rpm) == (60.0, 1980.0)
    assert (device.power_w, device.power_limit_w) == (118.4, 144.0)
    [specs] = amd.gpu_specs()
    assert (specs.vendor, specs.driver, specs.memory_bytes) == ("AMD", "amdgpu", 16 << 30)
    assert (specs.power_limit_w, specs.power_limit_min_w, specs.power_limit_max_w) == (144.0, 72.0, 165.6)


def test_a_recorded_card(recorded: Path) -> None:
    amd = AmdGpu(recorded)
    [device] = amd.read().devices
    assert (device.id, device.core_mhz, device.memory_mhz) == ("0000:09:00.0", 852.0, 167.0)
    # Its hwmon folder was not recorded: all of that is unknown.
    assert (device.core_c, device.power_w, device.fan_percent) == (None, None, None)
    [specs] = amd.gpu_specs()
    assert (specs.memory_bytes, specs.vbios, specs.driver) == (8_573_157_376, "115-D050PIL-100", "amdgpu")


def test_an_old_kernel_has_no_labels_and_no_average(tree: SysfsTree, card: SimGpu) -> None:
    for label in (1, 2, 3):
        (tree.sys / HWMON / f"temp{label}_label").unlink()
    (tree.sys / HWMON / "power1_average").rename(tree.sys / HWMON / "power1_input")
    [device] = AmdGpu(tree.sys).read().devices
    assert (device.core_c, device.chip_c, device.memory_c) == (57.0, None, None)
    assert device.power_w == 118.4


def test_clocks_come_from_hwmon_where_there_are_no_levels(tree: SysfsTree, card: SimGpu) -> None:
    (tree.sys / "devices/pci0000:00/0000:03:00.0/pp_dpm_sclk").unlink()
    tree.put(f"{HWMON}/freq1_input", 1_287_000_000)
    assert AmdGpu(tree.sys).read().devices[0].core_mhz == 1287.0


@pytest.mark.parametrize(
    ("file", "content", "value"),
    [
        ("temp1_input", "511000", "core_c"),
        ("temp1_input", "-274000", "core_c"),
        ("temp3_input", "0", "memory_c"),
        ("temp1_input", "warm", "core_c"),
        ("power1_average", "-1", "power_w"),
        ("power1_average", "9" * 40, "power_w"),
        ("fan1_input", "65535", "fan_rpm"),
        ("pwm1", "99999", "fan_percent"),
    ],
)
def test_nonsense_is_unknown(tree: SysfsTree, card: SimGpu, file: str, content: str, value: str) -> None:
    tree.put(f"{HWMON}/{file}", content)
    assert getattr(AmdGpu(tree.sys).read().devices[0], value) is None


def test_a_card_that_vanishes_is_gone_and_one_that_comes_is_found(tree: SysfsTree, card: SimGpu) -> None:
    amd = AmdGpu(tree.sys)
    assert len(amd.read().devices) == 1
    card.lost = True
    tree.card(card, 0)
    assert amd.read().devices == []


def test_a_card_that_reads_as_all_ones_is_gone(tree: SysfsTree, card: SimGpu) -> None:
    amd = AmdGpu(tree.sys)
    amd.read()
    device = tree.sys / "devices/pci0000:00/0000:03:00.0"
    for file in [*(tree.sys / HWMON).iterdir(), device / "pp_dpm_sclk"]:
        file.unlink()
    assert [d.id for d in amd.read().devices] == ["0000:03:00.0"]  # silent, but on the bus as far as we know
    (device / "config").write_bytes(b"\xff" * 64)
    assert amd.read().devices == []


def test_a_card_without_a_driver_is_a_problem(tree: SysfsTree, card: SimGpu) -> None:
    tree.driver("0000:03:00.0", None)
    assert "modprobe amdgpu" in str(AmdGpu(tree.sys).read().problems[0])


def test_other_cards_and_monitor_sockets_are_left_alone(tree: SysfsTree) -> None:
    tree.card(SimGpu("0000:01:00.0"), 0)
    tree.put("class/drm/card1-DP-1/status", "connected")
    reading = AmdGpu(tree.sys).read()
    assert (reading.devices, reading.problems) == ([], [])


def test_the_current_level_is_the_one_with_the_star() -> None:
    assert current_mhz("S: 19Mhz *\n0: 500Mhz\n1: 2575Mhz\n") == 19.0
    assert current_mhz("0: 500Mhz \n1: 2105MHz *") == 2105.0
    assert current_mhz("0: 500Mhz \n1: 2105Mhz ") is None
    assert current_mhz("") is None


def test_names_come_from_the_lists_of_names(tree: SysfsTree, card: SimGpu) -> None:
    device = "devices/pci0000:00/0000:03:00.0"
    tree.put(f"{device}/product_name", "")
    tree.put(f"{device}/device", "0x73bf")
    assert AmdGpu(tree.sys).read().devices[0].name == "AMD GPU 73bf"
    ids = tree.folder / "usr/share/libdrm/amdgpu.ids"
    ids.parent.mkdir(parents=True)
    ids.write_text("1.0.0\n73BF,\tC0,\tOne Radeon\n73BF,\tC1,\tAnother Radeon\n")
    tree.put(f"{device}/revision", "0xc1")
    assert AmdGpu(tree.sys).read().devices[0].name == "Another Radeon"


def test_lists_of_names_as_they_are_written() -> None:
    listed = "73BF,\tC0,\tOne\n73BF,\tC1,\tTwo\n73DF,\tC1,\tThree\n"
    assert in_amdgpu_ids(listed, 0x73BF, 0xC1) == "Two"
    assert in_amdgpu_ids(listed, 0x73BF, None) == "One"
    assert in_amdgpu_ids(listed, 0x1234, 0xC1) is None
    listed = "1001  Other\n\t73bf  Wrong\n1002  AMD\n# note\n\t731f  Navi 10\n\t73bf  Navi 21 [Box]\n\t\t1043 04  Sub\n"
    assert in_pci_ids(listed, 0x73BF) == "Box"
    assert in_pci_ids(listed, 0x731F) == "Navi 10"
    assert in_pci_ids(listed, 0x9999) is None


def test_a_driver_that_answers_with_an_error_is_a_problem_and_a_state(tree: SysfsTree, card: SimGpu) -> None:
    for name in ("temp1_input", "power1_average"):
        (tree.sys / HWMON / name).unlink()
        (tree.sys / HWMON / name).mkdir()  # reading it fails, and not for being absent
    reading = AmdGpu(tree.sys).read()
    assert [(device.core_c, device.power_w, device.missing) for device in reading.devices] == [(None, None, True)]
    assert [problem.why for problem in reading.problems] == ["the driver answers with an error (Is a directory)"]


def test_a_driver_that_says_nothing_where_a_value_should_be_is_a_problem(tree: SysfsTree, card: SimGpu) -> None:
    (tree.sys / HWMON / "power1_average").write_text("")
    reading = AmdGpu(tree.sys).read()
    assert [(device.core_c, device.power_w, device.missing) for device in reading.devices] == [(57.0, None, False)]
    assert [problem.why for problem in reading.problems] == ["the driver answers with an error (an empty answer)"]


def test_a_value_that_a_card_does_not_have_is_no_error(tree: SysfsTree, card: SimGpu) -> None:
    (tree.sys / HWMON / "power1_average").unlink()
    reading = AmdGpu(tree.sys).read()
    assert (reading.devices[0].power_w, reading.devices[0].missing, reading.problems) == (None, False, [])


@pytest.mark.parametrize(
    ("metrics", "own", "within_cpu"),
    [
        (b"\x80\x00\x02\x04", ("fan1_input",), True),  # a table of an APU, format 2.4
        (b"\x78\x00\x03\x00", (), True),
        (b"\x78\x00\x01\x03", (), False),
        (None, (), True),
        (None, ("power1_cap",), False),
        (None, ("fan1_input", "pwm1"), False),
    ],
)
def test_graphics_within_the_processor_are_known(
    tree: SysfsTree, card: SimGpu, metrics: bytes | None, own: tuple[str, ...], within_cpu: bool
) -> None:
    for name in ("fan1_input", "pwm1", "pwm1_max", "power1_cap", "temp2_input", "temp2_label"):
        if name not in own:
            (tree.sys / HWMON / name).unlink(missing_ok=True)
    if metrics is not None:
        (tree.sys / HWMON).parents[1].joinpath("gpu_metrics").write_bytes(metrics)
    assert AmdGpu(tree.sys).read().within_cpu == (["0000:03:00.0"] if within_cpu else [])
