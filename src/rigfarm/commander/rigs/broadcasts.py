"""All that is told to viewers about rigs: who looks at an index, or at one rig's page, hears of it at once."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.model import Rig

__all__ = ["CHIPS", "chips_changed", "created", "deleted", "reported_first", "updated"]

CHIPS = "chips"
"""The key under which a rig's operation-stats channel says that its boards were read chip by chip."""


def created(hub: Hub, rig: Rig) -> None:
    """A rig was added: those on its kind's index see it."""
    hub.publish(channels.index(rig.kind), "created", rig, key=rig.id)


def updated(hub: Hub, rig: Rig) -> None:
    """Its name or specs changed: those on the index, and those on its page."""
    hub.publish(channels.index(rig.kind), "updated", rig, key=rig.id)
    hub.publish(channels.rig(rig.kind, rig.id), "updated", rig, key=rig.id)


def reported_first(hub: Hub, rig: Rig) -> None:
    """A waiting rig reported for the first time: it moves from the waiting ones into the table."""
    hub.publish(channels.index(rig.kind), "created", rig, key=rig.id)
    hub.publish(channels.rig(rig.kind, rig.id), "created", rig, key=rig.id)


def chips_changed(hub: Hub, rig: Rig) -> None:
    """Its boards were read chip by chip: those on its page see it."""
    hub.publish(channels.operation_stats(rig.kind, rig.id), "updated", None, key=CHIPS)


def deleted(hub: Hub, rig: Rig) -> None:
    """It was removed: index rows go, viewers of its page are sent to the index, its channels end."""
    hub.publish(channels.index(rig.kind), "deleted", rig, key=rig.id)
    hub.publish(channels.rig(rig.kind, rig.id), "deleted", rig, key=rig.id)
    hub.close(channels.rig(rig.kind, rig.id))
    hub.close(channels.operation_stats(rig.kind, rig.id))
