"""The Sentry's own footing: version, user, machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from rigfarm import __version__
from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.install import UNIT, own_program
from rigfarm.sentry.rig.specs import read_specs
from rigfarm.sentry.sensors.files import machine_root

__all__ = ["check_machine"]


def check_machine(sysfs_root: Path) -> list[Finding]:
    """What it is, and who asks."""
    specs = read_specs(sysfs_root)
    memory = f"{specs.ram_bytes / (1 << 30):.1f} GiB" if specs.ram_bytes else None
    parts = [specs.cpu, f"{specs.cpu_threads} threads" if specs.cpu_threads else None, memory, specs.os, specs.kernel]
    return [
        Finding("ok", "Sentry", f"version {__version__}, {_python()}, user {os.geteuid()}"),
        Finding("ok", "Machine", ", ".join(part for part in parts if part) or "unknown"),
        Finding("ok", "Board", f"{specs.board}, BIOS {specs.bios or 'unknown'}")
        if specs.board
        else Finding("absent", "Board", "the firmware does not say (a virtual machine, a container, or no DMI)"),
        _service(machine_root(sysfs_root)),
    ]


def _python() -> str:
    own = own_program()
    version = f"Python {platform.python_version()}"
    return f"self-contained in {own} with {version}" if own else version


def _service(machine: Path) -> Finding:
    if (machine / "etc/systemd/system" / UNIT).is_file():
        return Finding("ok", "Service", f"{UNIT} is installed; `systemctl status {UNIT}` shows its state")
    return Finding(
        "absent", "Service", "not installed; `sudo rigfarm sentry install` starts the Sentry with the machine"
    )
