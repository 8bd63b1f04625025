"""All that viewers are told about updates of Sentries."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["channel", "update_changed"]


def channel(update_id: int) -> str:
    """One update."""
    return f"sentry-update:{update_id}"


def update_changed(hub: Hub, update_id: int) -> None:
    """It took a step."""
    hub.publish(channel(update_id), "updated", None, key=update_id)
