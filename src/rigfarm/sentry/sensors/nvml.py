"""NVIDIA cards, through the driver's own library (NVML). A machine without NVIDIA's driver is normal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import msgspec
from msgspec import Struct

from rigfarm.sentry.miners.pci import normalise
from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.nvml_driver import Driver, load_pynvml
from rigfarm.sentry.sensors.nvml_library import CardLost, DriverGone, Library
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["Nvml", "open_source"]

_CORE, _MEMORY = 0, 2
"""Clock domains (NVML_CLOCK_GRAPHICS, NVML_CLOCK_MEM)."""
_SIGNS_OF_LIFE = ("core_c", "core_mhz", "fan_percent", "power_w")


def open_source(root: Path) -> Source:
    # The driver speaks of the real machine only, not of one that is laid out in a folder.
    return Nvml(root, load_pynvml if root == Path("/sys") else lambda: None)


class _Card(Struct, frozen=True):
    handle: object
    id: str
    name: str | None


_Found = tuple[list[_Card], list[Problem]]


class Nvml:
    """Every NVIDIA card that the driver speaks for."""

    name = "nvml"
    title = "NVIDIA cards"

    def __init__(
        self, root: Path, load: Callable[[], ModuleType | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._driver = Driver(root, load, clock)
        self._found: Periodic[_Found] = Periodic(self._enumerate, every_s=300.0)

    def read(self) -> SourceReading:
        library = self._driver.library()
        if library is None:
            return SourceReading()
        try:
            cards, problems = self._found.get()
            devices, failing = _look(library, cards)
        except DriverGone as reason:
            self._found.forget()
            raise self._driver.gone(reason) from None
        if cards and not devices:
            # Lost cards come back with a new connection only, if at all.
            self.close()
        return SourceReading(devices=devices, problems=[*problems, *failing])

    def gpu_specs(self) -> list[GpuSpecs]:
        library = self._driver.library()
        if library is None:
            return []
        try:
            return [specs for card in self._found.get()[0] if (specs := _specs(library, card))]
        except DriverGone as reason:
            self._found.forget()
            raise self._driver.gone(reason) from None

    def close(self) -> None:
        self._found.forget()
        self._driver.let_go()

    def _enumerate(self) -> _Found:
        library = self._driver.library()
        assert library is not None
        found = {index: _card(library, index) for index in range(library.cards())}
        return (
            [card for card in found.values() if card is not None],
            [_silent(index) for index, card in found.items() if card is None],
        )


def _card(library: Library, index: int) -> _Card | None:
    """The driver's card of that number; None if it does not answer."""
    try:
        handle = library.handle(index)
        address = None if handle is None else normalise(library.bus_id(handle))
        return _Card(handle, address, library.text("nvmlDeviceGetName", handle)) if address else None
    except CardLost:
        return None


def _look(library: Library, cards: list[_Card]) -> tuple[list[Device], list[Problem]]:
    """The cards that are there, and what the driver fails to tell of them."""
    devices, problems = [], []
    for card in cards:
        library.errors()
        device = _device(library, card)
        if device is None:
            continue
        if errors := library.errors():
            silent = all(getattr(device, value) is None for value in _SIGNS_OF_LIFE)
            device = msgspec.structs.replace(device, missing=silent)
            problems.append(_failing(card, errors[0], silent=silent))
        devices.append(device)
    return devices, problems


def _device(library: Library, card: _Card) -> Device | None:
    """The card's values; None if it is gone from the bus."""
    ask, handle = library.number, card.handle
    try:
        return Device(
            kind="gpu",
            index=0,
            id=card.id,
            name=card.name,
            core_c=sane.celsius(library.core_celsius(handle)),
            memory_c=sane.memory_celsius(library.memory_celsius(handle)),
            core_mhz=sane.megahertz(ask("nvmlDeviceGetClockInfo", handle, _CORE)),
            memory_mhz=sane.megahertz(ask("nvmlDeviceGetClockInfo", handle, _MEMORY)),
            fan_percent=sane.percent(ask("nvmlDeviceGetFanSpeed", handle)),
            fan_rpm=sane.rpm(ask("nvmlDeviceGetFanSpeedRPM", handle)),
            power_w=_watts(ask("nvmlDeviceGetPowerUsage", handle)),
            power_limit_w=_watts(ask("nvmlDeviceGetEnforcedPowerLimit", handle)),
        )
    except CardLost:
        return None


def _specs(library: Library, card: _Card) -> GpuSpecs | None:
    try:
        lowest, highest = library.power_limits(card.handle)
        memory = library.memory_bytes(card.handle)
        return GpuSpecs(
            id=card.id,
            name=card.name,
            vendor="NVIDIA",
            memory_bytes=None if memory is None else int(memory),
            driver=library.text("nvmlSystemGetDriverVersion"),
            vbios=library.text("nvmlDeviceGetVbiosVersion", card.handle),
            power_limit_w=_watts(library.number("nvmlDeviceGetEnforcedPowerLimit", card.handle)),
            power_limit_min_w=_watts(lowest),
            power_limit_max_w=_watts(highest),
        )
    except CardLost:
        return None


def _watts(milliwatts: float | None) -> float | None:
    return None if milliwatts is None else sane.watts(milliwatts / 1000)


def _failing(card: _Card, error: str, *, silent: bool) -> Problem:
    what = "every question" if silent else "some questions"
    return Problem(
        f"NVIDIA card {card.id} ({card.name or 'unknown'})",
        f"the driver answers {what} about it with an error ({error})",
        "Run `nvidia-smi` and `dmesg | grep -i nvrm` to see why; most such cards need a reboot or less overclocking.",
    )


def _silent(index: int) -> Problem:
    return Problem(
        f"NVIDIA card number {index}",
        "the driver lists it but cannot reach it",
        "It has most likely fallen off the bus: check its riser and power cables, then reboot.",
    )
