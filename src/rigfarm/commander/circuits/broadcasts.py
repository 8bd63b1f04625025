"""What viewers are told of circuits: open pages draw them again."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["CHANNEL", "changed"]

CHANNEL = "circuits"


def changed(hub: Hub) -> None:
    """One was added, changed or removed, or draws more or less than before."""
    hub.publish(CHANNEL, "updated", None)
