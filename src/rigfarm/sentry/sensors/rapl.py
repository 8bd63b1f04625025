"""CPU power from the energy counters of the processor (RAPL): `class/powercap/intel-rapl:N`, AMD's included.

A counter counts µJ and wraps at `max_energy_range_uj`. Since Linux 5.10 only root may read it (CVE-2020-8694).
Reference: Documentation/power/powercap/powercap.rst of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.files import read_int, read_text
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.processors import processors
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["Rapl", "Zone", "open_source", "power"]

_PACKAGE = re.compile(r"package-(\d+)(?:-die-\d+)?")
_MAX_W = 1_000.0
"""More than any package draws. A counter that a sleep has reset looks like one that wrapped, at many kW; and in a time
in which it might wrap twice, its rise says nothing."""


class Zone(Struct, frozen=True):
    """The energy counter of one package, or of one die of it."""

    package: int
    counter: Path
    wraps_at_uj: int | None


def open_source(root: Path) -> Source:
    return Rapl(root)


class Rapl:
    """Power of each CPU package: energy over monotonic time since the look before. The first look knows none."""

    name = "rapl"
    title = "CPU power"

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._packages = processors(root).packages
        self._zones: Periodic[list[Zone]] = Periodic(lambda: zones(root))
        self._before: dict[Path, tuple[float, int]] = {}

    def read(self) -> SourceReading:
        by_package: dict[int, list[float | None]] = {}
        for zone in self._zones.get():
            try:
                by_package.setdefault(zone.package, []).append(self._watts(zone))
            except PermissionError:
                return SourceReading(problems=[_only_root(zone.counter)])
        numbers = self._packages or sorted(by_package)
        return SourceReading(
            devices=[
                Device(kind="cpu", index=numbers.index(package), power_w=_total(watts))
                for package, watts in sorted(by_package.items())
                if package in numbers
            ]
        )

    def _watts(self, zone: Zone) -> float | None:
        """W since the look before; None at the first. Raises PermissionError."""
        energy = _energy(zone.counter)
        now = self._clock()
        before = self._before.get(zone.counter)
        if energy is None:
            self._before.pop(zone.counter, None)
            return None
        self._before[zone.counter] = (now, energy)
        return None if before is None else power(energy - before[1], now - before[0], zone.wraps_at_uj)

    def gpu_specs(self) -> list[GpuSpecs]:
        return []

    def close(self) -> None:
        """Holds nothing."""


def zones(root: Path) -> list[Zone]:
    """The counters of whole packages. Sub-zones (cores, DRAM) and the memory-mapped twin of package 0 are left out."""
    found = []
    for path in sorted(root.glob("class/powercap/intel-rapl:*")):
        match = _PACKAGE.fullmatch(read_text(path / "name") or "")
        if match and path.name.count(":") == 1:
            found.append(Zone(int(match[1]), path / "energy_uj", read_int(path / "max_energy_range_uj")))
    return found


def power(risen_uj: int, seconds: float, wraps_at_uj: int | None) -> float | None:
    """W from the rise of a counter, which is negative when it wrapped."""
    if wraps_at_uj is not None:
        if seconds * _MAX_W * 1e6 > wraps_at_uj:
            return None
        risen_uj += wraps_at_uj if risen_uj < 0 else 0
    watts = risen_uj / 1e6 / seconds if seconds > 0 else None
    return watts if watts is not None and 0 <= watts <= _MAX_W else None


def _total(watts: list[float | None]) -> float | None:
    known = [value for value in watts if value is not None]
    return sane.watts(sum(known)) if len(known) == len(watts) else None


def _energy(counter: Path) -> int | None:
    """µJ; None if the counter is gone. Raises PermissionError."""
    energy = read_int(counter)
    if energy is None:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            counter.read_bytes()
    return energy


def _only_root(counter: Path) -> Problem:
    return Problem(
        "CPU power",
        f"{counter} may only be read by root",
        "Run the Sentry as the service that `rigfarm sentry install` makes.",
    )
