"""What viewers are told of saved views: open indexes draw their tabs again."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.live import Hub

__all__ = ["changed"]


def changed(hub: Hub) -> None:
    """One was saved, changed or removed."""
    hub.publish(channels.VIEWS, "updated", None)
