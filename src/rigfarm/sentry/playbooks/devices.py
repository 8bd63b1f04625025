"""Which graphics cards a playbook's program may see: PCI addresses into what drivers and programs understand.

Programs count cards, and each its own way; by PCI address they count alike once told to. Sources: CUDA C Programming
Guide, "Environment Variables" (CUDA_DEVICE_ORDER, CUDA_VISIBLE_DEVICES); ROCm documentation, "GPU isolation techniques"
(ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES, GPU_DEVICE_ORDINAL).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.pci import AMD, NVIDIA, cards

__all__ = ["Selection", "select"]

_VARIABLES = {
    NVIDIA: ("CUDA_VISIBLE_DEVICES",),
    AMD: ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
}


class Selection(Struct, frozen=True):
    """What a program is given so that it uses the cards it shall."""

    env: dict[str, str]
    found: int = 0
    """How many of the cards asked for are in this rig."""
    missing: list[str] = []


def select(wanted: Iterable[str], sysfs: Path = Path("/sys")) -> Selection:
    """For the cards at these addresses; for none, all of them."""
    addresses = {address.lower() for address in wanted}
    env = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if not addresses:
        return Selection(env)
    here: set[str] = set()
    for vendor, variables in _VARIABLES.items():
        found = [card.id for card in cards(sysfs, vendor)]
        chosen = ",".join(str(position) for position, id in enumerate(found) if id in addresses)
        env |= dict.fromkeys(variables, chosen or "-1")
        here |= addresses & set(found)
    return Selection(env, len(here), sorted(addresses - here))
