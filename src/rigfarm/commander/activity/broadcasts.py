"""All that viewers are told about the activity."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["ACTIVITY", "added"]

ACTIVITY = "activity"
"""Inside the Commander only: there are new entries."""


def added(hub: Hub) -> None:
    """There are new entries."""
    hub.publish(ACTIVITY, "created", None)
