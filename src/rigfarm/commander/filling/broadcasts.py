"""All that viewers are sent of rounds through racks."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["CHANNEL", "changed"]

CHANNEL = "filling"
"""Keys: ids of rounds."""


def changed(hub: Hub, round_id: str) -> None:
    """Another rig's turn, or something became known of how it blinks."""
    hub.publish(CHANNEL, "updated", None, key=round_id)
