"""All that viewers are sent about rules that place rigs: open lists show each change at once."""

from __future__ import annotations

from rigfarm.commander.live import Hub

__all__ = ["CHANNEL", "rules_changed"]

CHANNEL = "placing-rules"
"""Inside the Commander only: a rule, their order, or which rigs they placed."""


def rules_changed(hub: Hub) -> None:
    """The list of rules."""
    if hub.watched(CHANNEL):
        hub.publish(CHANNEL, "updated", None)
