"""The graphics cards on the PCI bus, whether or not a driver speaks for them: `bus/pci/devices/*`."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.files import read_text

__all__ = ["AMD", "NVIDIA", "PciCard", "cards", "off_the_bus"]

NVIDIA = "0x10de"
AMD = "0x1002"
_DISPLAY = ("0x0300", "0x0302", "0x0380", "0x1200")
"""PCI classes: VGA, 3D controller, other display, processing accelerator."""
_NOBODY = b"\xff\xff"


class PciCard(Struct, frozen=True):
    """One card and the name of the kernel driver that holds it, if one does."""

    id: str
    driver: str | None


def cards(root: Path, vendor: str) -> list[PciCard]:
    """The cards of one vendor, by address."""
    found = []
    for path in sorted(root.glob("bus/pci/devices/*")):
        if read_text(path / "vendor") == vendor and (read_text(path / "class") or "").startswith(_DISPLAY):
            driver = path / "driver"
            found.append(PciCard(path.name.lower(), driver.resolve().name if driver.exists() else None))
    return found


def off_the_bus(device: Path) -> bool:
    """Whether nothing answers at a card's address any more, though the kernel still lists it: all ones are read."""
    try:
        with (device / "config").open("rb") as file:
            return file.read(2) == _NOBODY
    except OSError:
        return False
