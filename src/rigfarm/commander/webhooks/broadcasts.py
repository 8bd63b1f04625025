"""All that viewers are sent about webhooks."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["CHANNEL", "webhooks_changed"]

CHANNEL = "webhooks"
"""Inside the Commander only: a webhook, or what became of a delivery."""


def webhooks_changed(hub: Hub) -> None:
    """The page of webhooks."""
    if hub.watched(CHANNEL):
        hub.publish(CHANNEL, "updated", None)
