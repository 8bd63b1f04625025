"""All that viewers are told about playbooks."""

from __future__ import annotations

from rigfarm.commander.live import Hub
from rigfarm.commander.playbooks.model import Playbook

__all__ = ["INDEX", "changed", "created", "deleted", "playbook_channel"]

INDEX = "playbook-index"
"""Keys: ids of playbooks. For viewers of the list."""


def playbook_channel(playbook_id: int) -> str:
    """One playbook's page. Keys: `playbook`, ids of the rigs that have it, and what else is shown there."""
    return f"playbook:{playbook_id}"


def created(hub: Hub, playbook: Playbook) -> None:
    """A playbook was added."""
    hub.publish(INDEX, "created", playbook, key=playbook.id)


def changed(hub: Hub, playbook: Playbook) -> None:
    """It has a new revision, or other rigs run it."""
    hub.publish(INDEX, "updated", playbook, key=playbook.id)
    hub.publish(playbook_channel(playbook.id), "updated", playbook, key="playbook")


def deleted(hub: Hub, playbook: Playbook) -> None:
    """It was removed: viewers of its page go to the list, its channel ends."""
    hub.publish(INDEX, "deleted", playbook, key=playbook.id)
    hub.publish(playbook_channel(playbook.id), "deleted", playbook, key="playbook")
    hub.close(playbook_channel(playbook.id))
