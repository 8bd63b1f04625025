"""All that viewers are told about playbooks."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.playbooks.model import Playbook

__all__ = [
    "INDEX",
    "ON_RIG",
    "changed",
    "console_changed",
    "console_channel",
    "created",
    "deleted",
    "playbook_channel",
    "rig_changed",
    "rollout_changed",
]

INDEX = "playbook-index"
"""Keys: ids of playbooks. Whoever has the list open."""
ON_RIG = "playbooks"
"""The key under which a rig's own channel says that its playbooks, or how they do, changed."""
ROLLOUT = "rollout"


def playbook_channel(playbook_id: int) -> str:
    """One playbook's page. Keys: ids of rigs, its own name `playbook`, and ROLLOUT."""
    return f"playbook:{playbook_id}"


def console_channel(rig_id: int, playbook_id: int) -> str:
    """The console of a mining program on a rig: open while somebody looks."""
    return f"playbook-console:{rig_id}:{playbook_id}"


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


def rig_changed(hub: Hub, rig_id: int, playbook_ids: Iterable[int], *, counts: bool = True) -> None:
    """A rig runs something else, or its playbooks do otherwise than before; `counts`: so the list changes, too."""
    hub.publish(channels.rig("cpu-gpu", rig_id), "updated", rig_id, key=ON_RIG)
    for playbook_id in playbook_ids:
        hub.publish(playbook_channel(playbook_id), "updated", rig_id, key=rig_id)
        if counts:
            hub.publish(INDEX, "updated", None, key=playbook_id)


def rollout_changed(hub: Hub, playbook_id: int) -> None:
    """A roll-out of it took a step."""
    hub.publish(INDEX, "updated", None, key=playbook_id)
    hub.publish(playbook_channel(playbook_id), "updated", None, key=ROLLOUT)


def console_changed(hub: Hub, rig_id: int, playbook_id: int) -> None:
    """The mining program printed something."""
    hub.publish(console_channel(rig_id, playbook_id), "updated", None, key="lines")
