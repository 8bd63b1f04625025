"""The kernel's hardware-monitoring chips: `class/hwmon/hwmon*`, each with a name and numbered channels.

Reference: Documentation/hwmon/sysfs-interface.rst of the Linux kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.files import read_text

__all__ = ["Chip", "channels", "chips", "zones"]

_CHANNEL = re.compile(r"([a-z]+)(\d+)_input")


class Chip(Struct, frozen=True):
    """One chip. `device` is the name of what it belongs to: `coretemp.1`, `0000:00:18.3`, `nct6775.656`."""

    path: Path
    name: str
    device: str


def chips(root: Path) -> list[Chip]:
    """All chips, ordered by what they belong to (hwmon numbers differ from boot to boot)."""
    found: dict[Path, Chip] = {}
    # The second pattern is for trees recorded without their symbolic links.
    for pattern in ("class/hwmon/hwmon*", "devices/platform/*/hwmon/hwmon*"):
        for entry in root.glob(pattern):
            path = entry.resolve()
            name = read_text(path / "name")
            if name and path not in found:
                owner = (
                    path.parent.parent if path.parent.name == "hwmon" else path.parent
                )  # drives have no folder between
                found[path] = Chip(path=path, name=name, device=owner.name)
    return sorted(found.values(), key=lambda chip: (_natural(chip.device), _natural(chip.path.name)))


def channels(chip: Chip, kind: str) -> list[tuple[str, str]]:
    """Its channels of one kind (`temp`, `fan`, `power`), by number: label, else the bare name, and the value's path."""
    found = []
    for entry in chip.path.glob(f"{kind}*_input"):
        match = _CHANNEL.fullmatch(entry.name)
        if match and match[1] == kind:
            label = read_text(chip.path / f"{kind}{match[2]}_label")
            found.append((int(match[2]), label or f"{kind}{match[2]}", str(entry)))
    return [(label, path) for _, label, path in sorted(found)]


def zones(root: Path) -> list[tuple[str, str]]:
    """The thermal zones, by number: type ("cpu-thermal") and the path of the temperature. Many boards have these only.

    Reference: Documentation/driver-api/thermal/sysfs-api.rst of the Linux kernel (m°C)."""
    found = []
    for path in sorted(root.glob("class/thermal/thermal_zone*"), key=lambda path: _natural(path.name)):
        kind = read_text(path / "type")
        if kind:
            found.append((kind, str(path / "temp")))
    return found


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts coretemp.10 after coretemp.2."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
