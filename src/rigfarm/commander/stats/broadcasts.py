"""All that the operational stats tell to viewers."""

from __future__ import annotations

from rigfarm.commander import channels
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.stats.rig_stats import RigStats

__all__ = ["rig_changed", "rig_removed", "totals_changed"]


def rig_changed(hub: Hub, rig: RigStats, event: Event = "updated") -> None:
    """A new log, or another state: the rig's row, and its page."""
    hub.publish(channels.operation_stats_index(rig.kind), event, rig, key=rig.rig_id)
    hub.publish(channels.operation_stats(rig.kind, rig.rig_id), event, rig, key=rig.rig_id)


def rig_removed(hub: Hub, rig: RigStats) -> None:
    """The rig is gone: so is its row."""
    hub.publish(channels.operation_stats_index(rig.kind), "deleted", None, key=rig.rig_id)


def totals_changed(hub: Hub, kind: KindName) -> None:
    """The totals of a kind changed. Sessions conflate this: one key, the newest wins."""
    hub.publish(channels.operation_stats_index(kind), "updated", None, key=channels.TOTALS)
