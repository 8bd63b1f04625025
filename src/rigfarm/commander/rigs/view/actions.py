"""What a rig can be told to do, as data per kind: the menu on its page, and the choice for a selection."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.commander.rigs.model import Rig

__all__ = ["ACTIONS", "Action", "actions_of"]


class Action(Struct, frozen=True):
    """`order` is what the page of orders is asked for; `name` what rigs that can do it say in their specs."""

    order: str
    name: str
    label: str


ACTIONS: Mapping[Kind, tuple[Action, ...]] = {
    "cpu-gpu": (
        Action("restart-miner", "restart-miner", "Restart miner"),
        Action("reboot", "reboot", "Reboot"),
        Action("shut-down", "shut-down", "Shut down"),
    ),
    "asic": (
        Action("locate-on", "locate", "Blink"),
        Action("locate-off", "locate", "Stop blinking"),
        Action("pause", "pause", "Pause"),
        Action("resume", "resume", "Resume"),
        Action("restart", "restart", "Restart"),
        Action("power-limit", "power-limit", "Limit power"),
        Action("set-pools", "set-pools", "Set pools"),
    ),
}
"""Harmless ones first."""


def actions_of(rig: Rig) -> tuple[Action, ...]:
    """What this rig says that it can do; one that was never heard of says nothing."""
    supports = rig.specs.supports if rig.specs is not None else []
    return tuple(action for action in ACTIONS[rig.kind] if action.name in supports)
