"""AMD cards, from sysfs: `class/drm/card*/device` and its hwmon folder."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from rigfarm.sentry.sensors.amdgpu_card import AmdCard, open_card
from rigfarm.sentry.sensors.files import read_text
from rigfarm.sentry.sensors.pci import AMD, cards
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.specs import GpuSpecs

__all__ = ["AmdGpu", "open_source"]

_CARD = re.compile(r"card\d+")
"""Not `card0-DP-1`, which is a socket for a monitor."""


def open_source(root: Path) -> Source:
    return AmdGpu(root)


class AmdGpu:
    """Every AMD card that has a driver."""

    name = "amdgpu"
    title = "AMD cards"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cards: Periodic[list[AmdCard]] = Periodic(lambda: _find(root), every_s=30.0)
        self._without_driver: Periodic[list[Problem]] = Periodic(lambda: _no_driver(root))

    def read(self) -> SourceReading:
        if any(not card.device.is_dir() for card in self._cards.get()):
            self._cards.forget()
        reading = SourceReading(problems=list(self._without_driver.get()))
        for card in self._cards.get():
            device = card.read()
            if device is None:
                continue
            if (device.core_c is None or device.power_w is None) and (error := card.fault()):
                silent = device.core_c is None and device.power_w is None
                device = msgspec.structs.replace(device, missing=silent)
                reading.problems.append(_failing(card, error))
            reading.devices.append(device)
            if card.within_cpu:
                reading.within_cpu.append(card.id)
        return reading

    def gpu_specs(self) -> list[GpuSpecs]:
        return [card.specs(self._root) for card in self._cards.get()]

    def close(self) -> None:
        """Holds nothing."""


def _failing(card: AmdCard, error: str) -> Problem:
    return Problem(
        f"AMD card {card.id} ({card.name})",
        f"the driver answers with an error ({error})",
        "See `dmesg | grep amdgpu` for why; most such cards need a reboot or less overclocking.",
    )


def _find(root: Path) -> list[AmdCard]:
    folders = [path / "device" for path in root.glob("class/drm/card*") if _CARD.fullmatch(path.name)]
    found = [open_card(device.resolve(), root) for device in folders if read_text(device / "vendor") == AMD]
    return sorted({card.id: card for card in found if card}.values(), key=lambda card: card.id)


def _no_driver(root: Path) -> list[Problem]:
    return [
        Problem(
            f"AMD card {card.id}",
            "no driver speaks for it",
            "Load the kernel's driver (`modprobe amdgpu`) and see `dmesg | grep amdgpu` for why it did not start.",
        )
        for card in cards(root, AMD)
        if card.driver is None
    ]
