"""Power of the whole machine, where its supply tells: Corsair's digital PSUs and the ACPI power meter of servers.

Reference: Documentation/hwmon/corsair-psu.rst and acpi_power_meter.rst of the Linux kernel (µW).
"""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.files import fault, read_int
from rigfarm.sentry.sensors.hwmon import chips
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.specs import GpuSpecs

__all__ = ["PowerSupply", "open_source"]

_TOTAL = {"corsairpsu": "power1_input", "power_meter": "power1_average"}


def open_source(root: Path) -> Source:
    return PowerSupply(root)


class PowerSupply:
    """W of all supplies together; unknown unless each of them tells, since half of a rig is not a rig."""

    name = "supply"
    title = "Power supply"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._meters: Periodic[list[Path]] = Periodic(self._look)

    def _look(self) -> list[Path]:
        found = [(chip.name, chip.path / _TOTAL[chip.name]) for chip in chips(self._root) if chip.name in _TOTAL]
        # The board's meter already counts what its supplies count.
        kind = next((name for name, _ in found if name == "power_meter"), "corsairpsu")
        return [path for name, path in found if name == kind]

    def read(self) -> SourceReading:
        watts = [_watts(read_int(path)) for path in self._meters.get()]
        known = [value for value in watts if value is not None]
        error = fault(*self._meters.get()) if len(known) < len(watts) else None
        return SourceReading(
            power_w=sum(known) if known and len(known) == len(watts) else None,
            problems=[Problem("Power supply", f"its driver answers with an error ({error})")] if error else [],
        )

    def gpu_specs(self) -> list[GpuSpecs]:
        return []

    def close(self) -> None:
        """Holds nothing."""


def _watts(microwatts: int | None) -> float | None:
    # A meter that says 0 measures nothing: this program runs on it.
    return sane.watts(microwatts / 1e6) if microwatts else None
