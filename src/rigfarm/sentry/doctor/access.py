"""Whether this user may use the cards: a mining program needs their device files, not only their sensors."""

from __future__ import annotations

import os
from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.sensors.files import machine_root
from rigfarm.sentry.sensors.pci import AMD, NVIDIA, cards

__all__ = ["check_access"]

_NVIDIA = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm")
_AMD = ("dri/renderD*", "kfd")


def check_access(sysfs_root: Path) -> list[Finding]:
    """One finding per vendor whose cards are on the bus and have a driver."""
    dev = machine_root(sysfs_root) / "dev"
    return [
        _check(title, dev, patterns)
        for title, vendor, patterns in (("Use of NVIDIA cards", NVIDIA, _NVIDIA), ("Use of AMD cards", AMD, _AMD))
        if any(card.driver in ("nvidia", "amdgpu") for card in cards(sysfs_root, vendor))
    ]


def _check(title: str, dev: Path, patterns: tuple[str, ...]) -> Finding:
    files = {pattern: sorted(dev.glob(pattern)) for pattern in patterns}
    absent = [f"/dev/{pattern}" for pattern, paths in files.items() if not paths]
    denied = [path for paths in files.values() for path in paths if not os.access(path, os.R_OK | os.W_OK)]
    if denied:
        names = ", ".join(f"/dev/{path.relative_to(dev)}" for path in denied)
        fix = "Add it to their groups (`usermod -aG video,render USER`), or run the Sentry as a service."
        return Finding("problem", title, f"this user may not open {names}", fix)
    if absent:
        fix = "NVIDIA: run `nvidia-modprobe -u -c 0`. AMD: `modprobe amdgpu`. A container needs them passed in."
        return Finding("problem", title, f"missing: {', '.join(absent)}", fix)
    return Finding("ok", title, f"{sum(map(len, files.values()))} device files can be opened")
