"""Fans of the case, from the board's monitoring chip (nct6775, it87, …)."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.files import fault, read_int
from rigfarm.sentry.sensors.hwmon import channels, chips
from rigfarm.sentry.sensors.periodic import Periodic
from rigfarm.sentry.sensors.source import Problem, Source, SourceReading
from rigfarm.wire.specs import GpuSpecs

__all__ = ["ChassisFans", "open_source"]

_OF_CARDS = frozenset({"amdgpu", "radeon", "nouveau", "i915", "xe"})


def open_source(root: Path) -> Source:
    return ChassisFans(root)


class ChassisFans:
    """Fans by position. A header that never turned has no fan on it; one that did and stands still says 0."""

    name = "chassis"
    title = "Case fans"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._headers: Periodic[list[str]] = Periodic(self._look)
        self._turned: set[str] = set()

    def _look(self) -> list[str]:
        boards = [chip for chip in chips(self._root) if chip.name not in _OF_CARDS]
        return [path for chip in boards for _, path in channels(chip, "fan")]

    def read(self) -> SourceReading:
        speeds = {path: sane.rpm(read_int(path)) for path in self._headers.get()}
        self._turned.update(path for path, rpm in speeds.items() if rpm)
        lost = [path for path, rpm in speeds.items() if rpm is None and path in self._turned]
        error = fault(*lost) if lost else None
        return SourceReading(
            fans=[rpm for path, rpm in speeds.items() if path in self._turned],
            problems=[Problem("Case fans", f"their driver answers with an error ({error})")] if error else [],
        )

    def gpu_specs(self) -> list[GpuSpecs]:
        return []

    def close(self) -> None:
        """Holds nothing."""
