"""All that viewers are told about roll-outs."""

from __future__ import annotations

from rigfarm.commander.live import Hub
from rigfarm.commander.playbooks.broadcasts import INDEX, playbook_channel

__all__ = ["rollout_changed"]

ROLLOUT = "rollout"


def rollout_changed(hub: Hub, playbook_id: int) -> None:
    """A roll-out of it took a step."""
    hub.publish(INDEX, "updated", None, key=playbook_id)
    hub.publish(playbook_channel(playbook_id), "updated", None, key=ROLLOUT)
