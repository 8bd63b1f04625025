"""All that is told to viewers about mining software: entries, and files on their way."""

from __future__ import annotations

from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software.model import Software

__all__ = ["CHANNEL", "created", "deleted", "progressed", "updated"]

CHANNEL = "mining-software-index"
"""Keys: ids of entries."""


def created(hub: Hub, software: Software) -> None:
    """A version was added."""
    hub.publish(CHANNEL, "created", software, key=software.id)


def updated(hub: Hub, software: Software) -> None:
    """An entry changed, was pinned, or is used by others now."""
    hub.publish(CHANNEL, "updated", software, key=software.id)


def progressed(hub: Hub, software: Software) -> None:
    """Its file is on its way, or no longer is."""
    hub.publish(CHANNEL, "updated", software, key=software.id)


def deleted(hub: Hub, software: Software) -> None:
    """An entry was removed."""
    hub.publish(CHANNEL, "deleted", software, key=software.id)
