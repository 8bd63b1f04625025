"""All that is told about orders: to a rig's viewers, to whoever watches a click's results, and to the rig's link."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.orders.model import RigOrder
from rigfarm.commander.rigs.model import Rig

__all__ = ["ON_RIG", "batch_channel", "changed", "queued"]

ON_RIG = "orders"
"""The key under which a rig's own channel says that its orders changed."""


def batch_channel(batch: str) -> str:
    """The orders of one click. Keys: ids of rigs."""
    return f"order-batch:{batch}"


def queued(hub: Hub, rig: Rig, order: RigOrder) -> None:
    """It is stored: viewers see it, and the rig's Sentry may be told."""
    changed(hub, rig, order)
    hub.publish(channels.rig_commands(rig.id), "updated", None)


def changed(hub: Hub, rig: Rig, order: RigOrder) -> None:
    """It got a result, or went on its way."""
    hub.publish(channels.rig(rig.kind, rig.id), "updated", order, key=ON_RIG)
    hub.publish(batch_channel(order.batch), "updated", order, key=rig.id)
