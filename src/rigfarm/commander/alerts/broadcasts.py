"""All that viewers are sent about alerts."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.model import Rig

__all__ = ["CHANNEL", "SETTINGS", "alerts_changed", "rigs_changed", "settings_changed"]

CHANNEL = channels.ALERTS
SETTINGS = "alert-settings"
"""Rules, channels and maintenance windows."""
ALERTS = "alerts"


def alerts_changed(hub: Hub) -> None:
    """The pages of alerts."""
    hub.publish(CHANNEL, "updated", None)


def rigs_changed(hub: Hub, rigs: Iterable[Rig]) -> None:
    """The pages of these rigs show their alerts."""
    for rig in rigs:
        channel = channels.rig(rig.kind, rig.id)
        if hub.watched(channel):
            hub.publish(channel, "updated", rig, key=ALERTS)


def settings_changed(hub: Hub) -> None:
    """The pages of rules, channels and windows."""
    hub.publish(SETTINGS, "updated", None)
