"""Cards by their PCI address, in the order in which drivers count them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.sentry.playbooks.devices import Selection, select
from rigfarm.sentry.sensors.pci import AMD, NVIDIA


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A rig with cards of both vendors, a sound card and an on-board one of a third."""
    for address, vendor, kind in (
        ("0000:00:02.0", "0x8086", "0x030000"),
        ("0000:01:00.0", NVIDIA, "0x030000"),
        ("0000:01:00.1", NVIDIA, "0x040300"),
        ("0000:03:00.0", AMD, "0x030000"),
        ("0000:0a:00.0", NVIDIA, "0x030200"),
        ("0000:0b:00.0", AMD, "0x038000"),
    ):
        folder = tmp_path / "bus/pci/devices" / address
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    return tmp_path


def test_all_cards_are_everybodys(sysfs: Path) -> None:
    assert select([], sysfs) == Selection({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})


def test_a_card_is_counted_among_its_vendors(sysfs: Path) -> None:
    chosen = select(["0000:0A:00.0", "0000:0b:00.0", "0000:03:00.0"], sysfs)
    assert chosen.env["CUDA_VISIBLE_DEVICES"] == "1"
    assert chosen.env["HIP_VISIBLE_DEVICES"] == chosen.env["GPU_DEVICE_ORDINAL"] == "0,1"
    assert (chosen.found, chosen.missing, chosen.cards) == (3, [], [])


def test_the_second_card_is_not_filtered_twice(sysfs: Path) -> None:
    """ROCr's own filter leaves one card, numbered 0, to those above it: number 1 of that does not exist."""
    chosen = select(["0000:0b:00.0"], sysfs)
    assert chosen.env["HIP_VISIBLE_DEVICES"] == chosen.env["GPU_DEVICE_ORDINAL"] == "1"
    assert "ROCR_VISIBLE_DEVICES" not in chosen.env
    assert chosen.cards == ["0000:0b:00.0"]


def test_a_card_that_is_passed_on_to_a_virtual_machine_is_not_counted(sysfs: Path) -> None:
    for address, driver in (("0000:01:00.0", "vfio-pci"), ("0000:0a:00.0", "nvidia")):
        (sysfs / "bus/pci/drivers" / driver).mkdir(parents=True)
        (sysfs / "bus/pci/devices" / address / "driver").symlink_to(sysfs / "bus/pci/drivers" / driver)
    chosen = select(["0000:0a:00.0", "0000:01:00.0"], sysfs)
    assert chosen.env["CUDA_VISIBLE_DEVICES"] == "0"
    assert (chosen.cards, chosen.missing) == (["0000:0a:00.0"], ["0000:01:00.0"])


def test_the_other_vendors_cards_are_hidden(sysfs: Path) -> None:
    chosen = select(["0000:01:00.0"], sysfs)
    assert chosen.env["CUDA_VISIBLE_DEVICES"] == "0"
    assert chosen.env["HIP_VISIBLE_DEVICES"] == "-1"


def test_what_is_not_there_is_said(sysfs: Path) -> None:
    chosen = select(["0000:01:00.0", "0000:01:00.1", "0000:7f:00.0", "0000:00:02.0"], sysfs)
    assert chosen.found == 1
    assert chosen.missing == ["0000:00:02.0", "0000:01:00.1", "0000:7f:00.0"]
