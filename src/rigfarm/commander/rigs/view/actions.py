"""What a rig can be told to do, as data per kind: the menu on its page, and the choice for a selection."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.model import Rig

__all__ = ["ACTIONS", "Action", "actions_of"]


class Action(Struct, frozen=True):
    """`command` is what the page of commands is asked for; `name` what rigs that can do it say in their specs."""

    command: str
    name: str
    label: str
    harmless: bool = False
    """Done at once: there is nothing to confirm."""
    ask: str = "/commands/new"
    """The page that asks."""


_UPDATE = Action("update-sentry", "update-sentry", "Update Sentry", ask="/sentry-updates/new")


ACTIONS: Mapping[KindName, tuple[Action, ...]] = {
    "cpu-gpu": (
        Action("restart-miner", "restart-miner", "Restart miner"),
        Action("reboot", "reboot", "Reboot"),
        Action("shut-down", "shut-down", "Shut down"),
        _UPDATE,
    ),
    "asic": (
        Action("locate-on", "locate", "Blink", harmless=True),
        Action("locate-off", "locate", "Stop blinking", harmless=True),
        Action("pause", "pause", "Pause"),
        Action("resume", "resume", "Resume", harmless=True),
        Action("restart", "restart", "Restart"),
        Action("power-limit", "power-limit", "Limit power"),
        Action("set-pools", "set-pools", "Set pools"),
        _UPDATE,
    ),
}
"""Harmless ones first."""


def actions_of(rig: Rig) -> tuple[Action, ...]:
    """What this rig says that it can do; one that was never heard of says nothing."""
    supports = rig.specs.supports if rig.specs is not None else []
    return tuple(action for action in ACTIONS[rig.kind] if action.name in supports)
