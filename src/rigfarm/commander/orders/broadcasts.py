"""All that viewers are told about orders: on a rig's page, and on the page with the results of one click."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.live import Hub
from rigfarm.commander.orders.model import RigOrder
from rigfarm.commander.rigs.model import Rig

__all__ = ["ON_RIG", "batch_channel", "changed"]

ON_RIG = "orders"
"""The key under which a rig's own channel says that its orders changed."""


def batch_channel(batch: str) -> str:
    """The orders of one click. Keys: ids of rigs."""
    return f"order-batch:{batch}"


def changed(hub: Hub, rig: Rig, order: RigOrder) -> None:
    """It was given, went on its way, or got a result."""
    hub.publish(channels.rig(rig.kind, rig.id), "updated", order, key=ON_RIG)
    hub.publish(batch_channel(order.batch), "updated", order, key=rig.id)
