"""CPU packages and their temperatures, from the kernel's hardware monitoring (coretemp, k10temp, zenpower and kin)."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.files import read_int
from rigfarm.sentry.sensors.hwmon import Chip, channels, chips
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.processors import Processors, processors
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["CpuPackages", "hottest", "open_source", "share_out"]

_CHIPS = frozenset({"coretemp", "k10temp", "zenpower", "k8temp", "via_cputemp", "cpu_thermal", "soc_thermal"})
_WHOLE_PACKAGE = ("Package id", "Physical id", "Tdie", "Tctl")
"""Labels of a sensor that speaks for its package, best first. Tctl of some Ryzens is Tdie plus an offset of up to 27 °C
(kernel, Documentation/hwmon/k10temp.rst), so Tdie is better."""

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
        found = [chip for chip in chips(self._root) if chip.name in _CHIPS]
        return [[channels(chip, "temp") for chip in group] for group in share_out(found, self._processors)]

    def read(self) -> SourceReading:
        groups = self._chips.get()
        devices = [
            Device(kind="cpu", index=index, name=self._processors.name, core_c=_hottest_of(group))
            for index, group in enumerate(groups)
        ]
        reading = SourceReading(devices=devices)
        if not any(groups) and not self._processors.virtual:
            reading.problems.append(self._no_chip())
        return reading

    def _no_chip(self) -> Problem:
        return Problem(
            "CPU temperature",
            "the kernel shows no sensor of the CPU",
            "On Intel run `modprobe coretemp`, on AMD `modprobe k10temp`.",
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


def _celsius(millidegrees: int | None) -> float | None:
    return None if millidegrees is None else sane.celsius(millidegrees / 1000)


def hottest(probes: list[tuple[str, float | None]]) -> float | None:
    """°C of one chip: the sensor that speaks for the package, else its hottest core."""
    known = [(label, value) for label, value in probes if value is not None]
    for whole in _WHOLE_PACKAGE:
        matching = [value for label, value in known if label.startswith(whole)]
        if matching:
            return max(matching)
    return max((value for _, value in known), default=None)
