"""All that viewers are told about effects: on a rig's page, on the page of one click, and on the table of all."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.effects.model import Watch
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.model import Rig

__all__ = ["EFFECTS", "ON_RIG", "batch_channel", "seen"]

EFFECTS = "command-effects"
"""Any effect was checked."""
ON_RIG = "effects"
"""The key under which a rig's own channel says that an effect on it was checked."""


def batch_channel(batch: str) -> str:
    """Effects of the commands of one click. Keys: ids of rigs."""
    return f"command-effects:{batch}"


def seen(hub: Hub, rig: Rig | None, watch: Watch) -> None:
    """An effect was checked."""
    if rig is not None:
        hub.publish(channels.rig(rig.kind, rig.id), "updated", watch, key=ON_RIG)
    if watch.batch is not None:
        hub.publish(batch_channel(watch.batch), "updated", watch, key=watch.rig_id)
    hub.publish(EFFECTS, "updated", None, key=EFFECTS)
