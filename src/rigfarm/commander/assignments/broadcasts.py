"""All that viewers are told about what rigs run."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.playbooks.broadcasts import INDEX, playbook_channel

__all__ = ["ON_RIG", "console_changed", "console_channel", "rig_changed"]

ON_RIG = "playbooks"
"""The key under which a rig's own channel says that its playbooks, or how they do, changed."""


def console_channel(rig_id: int, playbook_id: int) -> str:
    """The console of a mining program on a rig: sent only while a page shows it."""
    return f"playbook-console:{rig_id}:{playbook_id}"


def rig_changed(hub: Hub, rig_id: int, playbook_ids: Iterable[int], *, counts: bool = True) -> None:
    """A rig runs something else, or its playbooks do otherwise than before; `counts`: so the list changes, too."""
    hub.publish(channels.rig("cpu-gpu", rig_id), "updated", rig_id, key=ON_RIG)
    for playbook_id in playbook_ids:
        hub.publish(playbook_channel(playbook_id), "updated", rig_id, key=rig_id)
        if counts:
            hub.publish(INDEX, "updated", None, key=playbook_id)


def console_changed(hub: Hub, rig_id: int, playbook_id: int) -> None:
    """The mining program printed something."""
    hub.publish(console_channel(rig_id, playbook_id), "updated", None, key="lines")
