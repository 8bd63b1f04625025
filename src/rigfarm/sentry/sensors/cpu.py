"""CPU packages and their temperatures, from the kernel's hardware monitoring (coretemp, k10temp, zenpower and kin).

Boards name the sensors of their processor after its parts, each in its own way ("bigcore0_thermal", "CPU-therm",
"cpu0-thermal"), as monitoring chips or as thermal zones only: there the names decide.
"""

from __future__ import annotations

import re
from pathlib import Path

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.files import fault, read_int
from rigfarm.sentry.sensors.hwmon import Chip, channels, chips, zones
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.processors import Processors, processors
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["CpuPackages", "hottest", "open_source", "share_out"]

_CHIPS = frozenset({"coretemp", "k10temp", "zenpower", "k8temp", "via_cputemp"})
_OF_THE_CPU = re.compile(
    r"(?:cpu|soc|package|big|little|mid|core|cluster|center|tj|ap|tsensor|imx|armada|exynos|atlas|apollo|sun\d|mtktscpu"
    r"|bcm2835|cv18|jh7110|x86_pkg_temp).*"
)
_OF_OTHERS = re.compile(
    r"gpu|npu|ddr|mem|dram|vpu|ve$|wifi|wlan|iwl|modem|mdm|batt|nvme|pmic|pch|skin|board|audio|cam|video|usb|eth|phy|fan"
    r"|charger|sfp|fpga|ambient|acpi"
)
_ON_BOARDS = re.compile(r"apm_xgene|.*temperature[._-]sensor")
"""Monitoring chips of processors other than x86 that are not named after a thermal zone."""
_ACPI_ZONE = "acpitz"
"""On a PC anything; on a board it is the only zone, and the processor's."""
_WHOLE_PACKAGE = ("Package id", "Physical id", "Tdie", "Tctl")
"""Labels of a sensor that speaks for its package, best first. Tctl of some Ryzens is Tdie plus an offset of up to 27 °C
(kernel, Documentation/hwmon/k10temp.rst), so Tdie is better."""

_DRIVERS = {"GenuineIntel": "coretemp", "AuthenticAMD": "k10temp", "HygonGenuine": "k10temp"}
_DEGREES = 200
"""Old kernels of small boards tell thermal zones in °C; in m°C this is no temperature of anything that runs."""

Probes = list[tuple[str, str]]


def open_source(root: Path) -> Source:
    return CpuPackages(root)


class CpuPackages:
    """One `cpu` device per package, with or without a temperature."""

    name = "cpu"
    title = "CPU temperature"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._processors = processors(root)
        self._chips: Periodic[list[list[Probes]]] = Periodic(self._look)

    def _look(self) -> list[list[Probes]]:
        found = [chip for chip in chips(self._root) if self._has(chip)]
        groups = [[channels(chip, "temp") for chip in group] for group in share_out(found, self._processors)]
        if not found and (zones := self._zones()):
            groups[:1] = [[zones]]
        return groups

    def _has(self, chip: Chip) -> bool:
        on_a_board = self._processors.vendor is None and _ON_BOARDS.fullmatch(chip.name) is not None
        return chip.name in _CHIPS or _is_of_the_cpu(chip.name, "therm") or on_a_board

    def _zones(self) -> Probes:
        """The processor's thermal zones; on a board with none of such a name, all that are not something else's."""
        told = zones(self._root)
        named = [(kind, path) for kind, path in told if _is_of_the_cpu(kind)]
        if named or self._processors.vendor is not None:
            return named
        return [(kind, path) for kind, path in told if kind == _ACPI_ZONE or not _OF_OTHERS.search(kind.lower())]

    def read(self) -> SourceReading:
        groups = self._chips.get()
        devices = [
            Device(kind="cpu", index=index, name=self._processors.name, core_c=_hottest_of(group))
            for index, group in enumerate(groups)
        ]
        reading = SourceReading(devices=devices)
        if not any(groups) and not self._processors.virtual:
            reading.problems.append(Problem("CPU temperature", *self._no_sensor()))
        paths = [path for group in groups for probes in group for _, path in probes]
        if any(device.core_c is None for device in devices) and (error := fault(*paths)):
            reading.problems.append(Problem("CPU temperature", f"its driver answers with an error ({error})"))
        return reading

    def _no_sensor(self) -> tuple[str, str]:
        """Why, and what helps on this very machine."""
        driver = _DRIVERS.get(self._processors.vendor or "")
        if driver is not None:
            return "the kernel shows no sensor of the CPU", f"Run `modprobe {driver}`."
        return (
            "the kernel shows no sensor of this processor",
            "A newer kernel or device tree for this board may have one.",
        )

    def gpu_specs(self) -> list[GpuSpecs]:
        return []

    def close(self) -> None:
        """Holds nothing."""


def share_out(found: list[Chip], cpus: Processors) -> list[list[Chip]]:
    """Which chips belong to which package. Old EPYCs and Threadrippers have several per package, in order."""
    packages = len(cpus.packages) or len(found)
    groups: list[list[Chip]] = [[] for _ in range(packages)]
    for position, chip in enumerate(found):
        groups[position * packages // len(found) if len(found) >= packages else position].append(chip)
    return groups


def _hottest_of(group: list[Probes]) -> float | None:
    temperatures = [hottest([(label, _celsius(read_int(path))) for label, path in probes]) for probes in group]
    return max((t for t in temperatures if t is not None), default=None)


def _is_of_the_cpu(name: str, must_have: str = "") -> bool:
    """By the name of a monitoring chip, which must then say that it is of a thermal zone, or by a zone's type."""
    plain = name.lower()
    return must_have in plain and _OF_THE_CPU.match(plain) is not None and not _OF_OTHERS.search(plain)


def _celsius(value: int | None) -> float | None:
    if value is None:
        return None
    return sane.celsius(value if abs(value) < _DEGREES else value / 1000)


def hottest(probes: list[tuple[str, float | None]]) -> float | None:
    """°C of one chip: the sensor that speaks for the package, else its hottest core."""
    known = [(label, value) for label, value in probes if value is not None]
    for whole in _WHOLE_PACKAGE:
        matching = [value for label, value in known if label.startswith(whole)]
        if matching:
            return max(matching)
    return max((value for _, value in known), default=None)
