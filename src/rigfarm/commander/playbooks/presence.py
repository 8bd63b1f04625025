"""Hears when rigs go away and come back: what is shown of their playbooks follows."""

from __future__ import annotations

from collections.abc import Hashable

from rigfarm.commander import channels
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.playbooks import broadcasts
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.stats import OperationalStats, RigStats

__all__ = ["Presence"]


class Presence:
    """Listens where the index of rigs does. Most of what it hears is a log of a rig that is there as before."""

    def __init__(self, hub: Hub, stats: OperationalStats, playbooks: PlaybookBook) -> None:
        self._stats = stats
        self._playbooks = playbooks
        self._away: set[int] = set()
        playbooks.statuses.away = self.away
        hub.subscribe(self, channels.operation_stats_index("cpu-gpu"))

    def away(self, rig_id: int) -> bool:
        """Whether the rig is not heard of at present, or never was."""
        rig = self._stats.rigs.get(rig_id)
        return rig is None or _is_away(rig)

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """A rig's stats changed."""
        if not isinstance(payload, RigStats):
            return
        away = event != "deleted" and _is_away(payload)
        if away == (payload.rig_id in self._away):
            return
        (self._away.add if away else self._away.discard)(payload.rig_id)
        has = [one.playbook_id for one in self._playbooks.assignments.of_rig(payload.rig_id)]
        if has:
            broadcasts.rig_changed(self._playbooks.hub, payload.rig_id, has)

    def channel_closed(self, channel: str) -> None:
        """The index is never closed."""


def _is_away(rig: RigStats) -> bool:
    return rig.condition.state == "offline" or (rig.condition.state == "waiting" and not rig.link_up)
