"""All that viewers are told about commands: on a rig's page, and on the page with the results of one click."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.commands.model import GivenCommand
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.model import Rig

__all__ = ["ON_RIG", "batch_channel", "changed"]

ON_RIG = "commands"
"""The key under which a rig's own channel says that its commands changed."""


def batch_channel(batch: str) -> str:
    """The commands of one click. Keys: ids of rigs."""
    return f"command-batch:{batch}"


def changed(hub: Hub, rig: Rig, command: GivenCommand) -> None:
    """It was given, went on its way, or got a result."""
    hub.publish(channels.rig(rig.kind, rig.id), "updated", command, key=ON_RIG)
    hub.publish(batch_channel(command.batch), "updated", command, key=rig.id)
