"""The machine a Sentry runs on, beside its sensors: the seam at which a simulated one takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rigfarm.sentry.rig.address import lan_ip
from rigfarm.sentry.rig.specs import read_specs, read_uptime
from rigfarm.wire.specs import GpuSpecs, Specs

__all__ = ["Machine", "RealMachine"]


class Machine(Protocol):
    """What is asked of a machine."""

    def specs(self, gpus: list[GpuSpecs]) -> Specs:
        """Its specs, with these GPUs. Reads files: called in a thread."""

    def uptime_s(self) -> float | None:
        """s since it started."""

    def lan_ip(self) -> str | None:
        """Its address on the LAN."""


class RealMachine:
    """The real one."""

    def __init__(self, sysfs_root: Path = Path("/sys")) -> None:
        self._sysfs_root = sysfs_root

    def specs(self, gpus: list[GpuSpecs]) -> Specs:
        return read_specs(self._sysfs_root, gpus)

    def uptime_s(self) -> float | None:
        return read_uptime(self._sysfs_root)

    def lan_ip(self) -> str | None:
        return lan_ip()
