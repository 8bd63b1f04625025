"""One AMD card in sysfs: where its files are, and what stands in them.

Reference: Documentation/gpu/amdgpu/thermal.rst of the Linux kernel (units: m°C, µW, Hz, rpm, pwm 0–255).
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.amd_names import card_name
from rigfarm.sentry.sensors.files import fault, read_int, read_text
from rigfarm.sentry.sensors.hwmon import Chip, channels
from rigfarm.sentry.sensors.pci import off_the_bus
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["AmdCard", "current_mhz", "open_card", "slot"]

_SLOT = re.compile(r"^PCI_SLOT_NAME=([0-9a-fA-F:.]+)$", re.MULTILINE)
_DRIVER = re.compile(r"^DRIVER=(\S+)$", re.MULTILINE)
_CURRENT = re.compile(r"^\s*\S+\s+(\d{1,9})\s*MHz\s*\*", re.MULTILINE | re.IGNORECASE)


def open_card(device: Path, root: Path) -> AmdCard | None:
    """The card whose PCI folder is `device`; None if it does not tell its address."""
    address = slot(read_text(device / "uevent") or "")
    if address is None:
        return None
    hwmon = next(iter(sorted(device.glob("hwmon/hwmon*"))), None)
    temperatures = dict(channels(Chip(hwmon, "amdgpu", device.name), "temp")) if hwmon else {}
    within_cpu = _within_cpu(device, hwmon, temperatures)
    return AmdCard(address, card_name(device, root), device, hwmon, temperatures, within_cpu)


def _within_cpu(device: Path, hwmon: Path | None, temperatures: dict[str, str]) -> bool:
    """Whether it is part of an APU. Its table of metrics says so by its format, 2 or 3; without one, an APU is what has
    no fan, no power limit and no hotspot of its own (amdgpu_pm.c)."""
    try:
        with (device / "gpu_metrics").open("rb") as file:
            header = file.read(3)
    except OSError:
        header = b""
    if len(header) == 3:
        return header[2] in (2, 3)
    own = ("fan1_input", "pwm1", "power1_cap")
    return hwmon is not None and "junction" not in temperatures and not any((hwmon / file).exists() for file in own)


def slot(uevent: str) -> str | None:
    """The PCI address that a device's `uevent` file tells, `0000:bb:dd.f`."""
    match = _SLOT.search(uevent)
    return match[1].lower() if match else None


def current_mhz(levels: str) -> float | None:
    """The level marked `*` in a `pp_dpm_*` file, MHz."""
    match = _CURRENT.search(levels)
    return float(match[1]) if match else None


class AmdCard(Struct, frozen=True):
    """One card. `temperatures` maps edge, junction and mem (`temp1` on old kernels) to their files."""

    id: str
    name: str
    device: Path
    hwmon: Path | None
    temperatures: dict[str, str]
    within_cpu: bool = False
    """Its power is that of the processor, too (Documentation/gpu/amdgpu/thermal.rst)."""

    def read(self) -> Device | None:
        """The card's values; None if it is gone from the bus."""
        device = Device(
            kind="gpu",
            index=0,
            id=self.id,
            name=self.name,
            core_c=sane.celsius(self._celsius("edge") or self._celsius("temp1")),
            chip_c=sane.memory_celsius(self._celsius("junction")),
            memory_c=sane.memory_celsius(self._celsius("mem")),
            core_mhz=self._mhz("pp_dpm_sclk", "freq1_input"),
            memory_mhz=self._mhz("pp_dpm_mclk", "freq2_input"),
            fan_percent=self._fan_percent(),
            fan_rpm=sane.rpm(self._value("fan1_input")),
            power_w=self._watts("power1_average", "power1_input"),
            power_limit_w=self._watts("power1_cap"),
        )
        silent = device.core_c is None and device.power_w is None and device.core_mhz is None
        return None if silent and off_the_bus(self.device) else device

    def fault(self) -> str | None:
        """The error with which its driver answers instead of a value."""
        files = ("power1_average", "power1_input", "freq1_input")
        return fault(*self.temperatures.values(), *(self.hwmon / file for file in files if self.hwmon))

    def specs(self, root: Path) -> GpuSpecs:
        """What it is made of."""
        driver = _DRIVER.search(read_text(self.device / "uevent") or "")
        version = read_text(root / "module/amdgpu/version")
        return GpuSpecs(
            id=self.id,
            name=self.name,
            vendor="AMD",
            memory_bytes=sane.count(read_int(self.device / "mem_info_vram_total")),
            driver=" ".join(filter(None, [driver[1] if driver else None, version])) or None,
            vbios=read_text(self.device / "vbios_version") or None,
            power_limit_w=self._watts("power1_cap"),
            power_limit_min_w=self._watts("power1_cap_min"),
            power_limit_max_w=self._watts("power1_cap_max"),
        )

    def _value(self, file: str) -> int | None:
        return read_int(self.hwmon / file) if self.hwmon else None

    def _celsius(self, label: str) -> float | None:
        path = self.temperatures.get(label)
        value = read_int(path) if path else None
        return None if value is None else value / 1000

    def _watts(self, *files: str) -> float | None:
        """W of the first of these µW files that tells a value."""
        for file in files:
            value = self._value(file)
            if value is not None:
                return sane.watts(value / 1e6)
        return None

    def _mhz(self, levels: str, hertz: str) -> float | None:
        value = current_mhz(read_text(self.device / levels) or "")
        if value is None:
            frequency = self._value(hertz)
            value = None if frequency is None else frequency / 1e6
        return sane.megahertz(value)

    def _fan_percent(self) -> float | None:
        value = self._value("pwm1")
        full = self._value("pwm1_max") or 255
        return None if value is None else sane.percent(value * 100 / full)
