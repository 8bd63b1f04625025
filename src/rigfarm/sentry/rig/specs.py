"""What this machine is made of, from the kernel's files: `sysfs_root` and what lies beside it."""

from __future__ import annotations

import re
from pathlib import Path

from rigfarm import __version__
from rigfarm.sentry.rig.board import bios, board
from rigfarm.sentry.sensors.files import machine_root, read_text
from rigfarm.sentry.sensors.processors import processors
from rigfarm.wire.specs import GpuSpecs, Specs

__all__ = ["read_specs", "read_uptime"]

_PRETTY = re.compile(r"^PRETTY_NAME=(['\"]?)(.*)\1\s*$", re.MULTILINE)
_MEMORY = re.compile(r"^MemTotal:\s*(\d+) kB$", re.MULTILINE)


def read_specs(sysfs_root: Path = Path("/sys"), gpus: list[GpuSpecs] | None = None) -> Specs:
    """The specs, with the GPUs that the sensors know (`Sensors.gpu_specs`)."""
    machine = machine_root(sysfs_root)
    cpus = processors(sysfs_root)
    return Specs(
        sentry_version=__version__,
        hostname=read_text(machine / "proc/sys/kernel/hostname") or None,
        os=_os(machine),
        kernel=read_text(machine / "proc/sys/kernel/osrelease") or None,
        cpu=cpus.name,
        cpu_cores=cpus.cores,
        cpu_threads=cpus.threads,
        ram_bytes=_ram_bytes(machine),
        board=board(sysfs_root),
        bios=bios(sysfs_root),
        gpus=gpus or [],
    )


def read_uptime(sysfs_root: Path = Path("/sys")) -> float | None:
    """s since the machine started."""
    words = (read_text(machine_root(sysfs_root) / "proc/uptime") or "").split()
    try:
        return float(words[0]) if words else None
    except ValueError:
        return None


def _os(machine: Path) -> str | None:
    for path in ("etc/os-release", "usr/lib/os-release"):
        match = _PRETTY.search(read_text(machine / path) or "")
        if match:
            return match[2] or None
    return None


def _ram_bytes(machine: Path) -> int | None:
    match = _MEMORY.search(read_text(machine / "proc/meminfo") or "")
    return int(match[1]) * 1024 if match else None
