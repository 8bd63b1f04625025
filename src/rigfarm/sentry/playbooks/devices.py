"""Which graphics cards a playbook's program may see: PCI addresses into what drivers and programs understand.

Programs count cards, and each its own way; by PCI address they count alike once told to. Sources: CUDA C Programming
Guide, "Environment Variables" (CUDA_DEVICE_ORDER, CUDA_VISIBLE_DEVICES); ROCm documentation, "GPU isolation techniques"
(HIP_VISIBLE_DEVICES for HIP, GPU_DEVICE_ORDINAL for OpenCL, ROCm's and the older one alike). ROCR_VISIBLE_DEVICES is
not set: it filters below both of them, and they would count what it leaves and find no second card.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.pci import AMD, NVIDIA, cards

__all__ = ["Selection", "select"]

_VARIABLES = {
    NVIDIA: ("CUDA_VISIBLE_DEVICES",),
    AMD: ("HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
}
_DRIVERS = {NVIDIA: ("nvidia",), AMD: ("amdgpu", "radeon")}
"""A card that another driver holds (to pass it on to a virtual machine), or none, is not counted by its programs."""


class Selection(Struct, frozen=True):
    """What a program is given so that it uses the cards it shall."""

    env: dict[str, str]
    found: int = 0
    """How many of the cards asked for are in this rig."""
    missing: list[str] = []
    cards: list[str] = []
    """Those found, by address, if they are of one make."""


def select(wanted: Iterable[str], sysfs: Path = Path("/sys")) -> Selection:
    """For the cards at these addresses; for none, all of them."""
    addresses = {address.lower() for address in wanted}
    env = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    if not addresses:
        return Selection(env)
    here: list[list[str]] = []
    for vendor, variables in _VARIABLES.items():
        found = _counted(sysfs, vendor)
        chosen = ",".join(str(position) for position, id in enumerate(found) if id in addresses)
        env |= dict.fromkeys(variables, chosen or "-1")
        here.append([id for id in found if id in addresses])
    makes = [ids for ids in here if ids]
    all_found = {id for ids in makes for id in ids}
    return Selection(env, len(all_found), sorted(addresses - all_found), makes[0] if len(makes) == 1 else [])


def _counted(sysfs: Path, vendor: str) -> list[str]:
    """The cards that a program of this make counts: those that its driver has, or all if no driver is to be seen."""
    all_cards = cards(sysfs, vendor)
    driven = [card.id for card in all_cards if card.driver in _DRIVERS[vendor]]
    return driven or [card.id for card in all_cards if card.driver is None]
