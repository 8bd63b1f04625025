"""What is shown of a rig's playbooks follows when the rig goes away and comes back."""

from __future__ import annotations

from rigfarm.commander.assignments import broadcasts
from rigfarm.commander.assignments.store import Assigned
from rigfarm.commander.events import ConditionChanged, Events, RigRemoved
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats

__all__ = ["Presence", "is_away"]


class Presence:
    """Follows which rigs nothing is heard of at present."""

    def __init__(self, hub: Hub, events: Events, stats: OperationalStats, assignments: Assigned) -> None:
        self._hub = hub
        self._stats = stats
        self._assignments = assignments
        self._away: set[int] = set()
        events.listen(ConditionChanged, self._condition_changed)
        events.listen(RigRemoved, lambda removed: self._away.discard(removed.rig_id))

    def _condition_changed(self, changed: ConditionChanged) -> None:
        rig_id = changed.rig_id
        away = is_away(self._stats, rig_id)
        if away == (rig_id in self._away):
            return
        (self._away.add if away else self._away.discard)(rig_id)
        has = [one.playbook_id for one in self._assignments.of_rig(rig_id)]
        if has:
            broadcasts.rig_changed(self._hub, rig_id, has)


def is_away(stats: OperationalStats, rig_id: int) -> bool:
    """Whether the rig is not heard of at present, or never was."""
    rig = stats.rigs.get(rig_id)
    if rig is None:
        return True
    return rig.condition.state == "offline" or (rig.condition.state == "waiting" and not rig.link_up)
