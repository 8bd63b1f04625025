"""The board and its firmware, as the firmware describes them (DMI): `class/dmi/id`."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.sensors.files import read_text
from rigfarm.sentry.sensors.processors import device_tree_model

__all__ = ["bios", "board"]

_FILLERS = frozenset(
    {
        "", "0", "0x00", "default string", "n/a", "na", "none", "not applicable", "not available", "not specified",
        "o.e.m.", "oem", "system manufacturer", "system product name", "system version", "to be filled by o.e.m.",
        "type1productconfigid", "unknown", "x.x", "xxxxxxxx",
    }
)  # fmt: skip
"""What makers leave in fields they never filled in."""


def board(root: Path) -> str | None:
    """Maker and name of the board, and in brackets the product it is part of where that says more. Boards without DMI
    have a device tree."""
    name = _words(_field(root, "board_vendor"), _field(root, "board_name"))
    product = _field(root, "product_name")
    if name is None:
        return _words(_field(root, "sys_vendor"), product) or device_tree_model(root)
    return f"{name} ({product})" if product and product not in name else name


def bios(root: Path) -> str | None:
    """Maker, version and date of the firmware."""
    name = _words(_field(root, "bios_vendor"), _field(root, "bios_version"))
    date = _field(root, "bios_date")
    return f"{name} ({date})" if name and date else name or date


def _field(root: Path, name: str) -> str | None:
    text = read_text(root / "class/dmi/id" / name) or read_text(root / "devices/virtual/dmi/id" / name) or ""
    return None if text.lower() in _FILLERS else " ".join(text.split())[:100]


def _words(*words: str | None) -> str | None:
    return " ".join(word for word in words if word) or None
