"""The name on the box of an AMD card: the driver rarely tells it, the lists of libdrm and pciutils do."""

from __future__ import annotations

import re
from pathlib import Path

from rigfarm.sentry.sensors.files import machine_root, read_text

__all__ = ["card_name", "in_amdgpu_ids", "in_pci_ids"]

_AMDGPU_IDS = "usr/share/libdrm/amdgpu.ids"
_PCI_IDS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_MAX_NAME = 100


def card_name(device: Path, root: Path) -> str:
    """The product's name; without any list of names, its PCI number, so that equal cards still look alike."""
    number = _hex(device / "device")
    told = read_text(device / "product_name")
    if told or number is None:
        return (told or "AMD GPU")[:_MAX_NAME]
    machine = machine_root(root)
    name = in_amdgpu_ids(_text(machine / _AMDGPU_IDS), number, _hex(device / "revision"))
    for list_ in _PCI_IDS:
        name = name or in_pci_ids(_text(machine / list_), number)
    return (name or f"AMD GPU {number:04x}")[:_MAX_NAME]


def in_amdgpu_ids(text: str, device: int, revision: int | None) -> str | None:
    """From libdrm's list, lines of `device,\\trevision,\\tname` in hex; any revision if this one is not listed."""
    names = {
        int(match[1], 16): match[2].strip()
        for match in re.finditer(rf"^{device:04X},\s*([0-9A-F]+),\s*(.+)$", text, re.MULTILINE | re.IGNORECASE)
    }
    return names.get(revision if revision is not None else -1) or next(iter(names.values()), None)


def in_pci_ids(text: str, device: int) -> str | None:
    """From the PCI list: indented lines of `device  name` below the line of the vendor (1002)."""
    vendor = re.search(r"^1002  .*\n((?:[\t#].*\n|\n)*)", text, re.MULTILINE)
    match = re.search(rf"^\t{device:04x}  (.+)$", vendor[1], re.MULTILINE) if vendor else None
    if match is None:
        return None
    chip_and_product = re.fullmatch(r".*\[(.+)\]", match[1])
    return chip_and_product[1] if chip_and_product else match[1]


def _hex(path: Path) -> int | None:
    try:
        return int(read_text(path) or "", 16)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
