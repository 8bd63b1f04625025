"""Alerts that are not resolved, and which rigs are or were in each of them. Times are seconds of a steady clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from rigfarm.commander.alerts.engine.causes import Facts
from rigfarm.commander.alerts.model import Alert, Fact, Member

__all__ = ["JOIN_S", "MAX_PARTS", "REJOIN_S", "OpenAlerts", "oldest"]

JOIN_S = 60.0
"""Who falls so long after the first of an alert, and shares something with it, joins it."""
REJOIN_S = 600.0
"""Who falls again so long after it was well is in its old alert, as long as that lasts; later, it is another outage."""
MAX_PARTS = 16
"""Of one rig that one rule watches at once: a rig cannot fill the memory with parts."""


class OpenAlerts:
    """All of them, with what is needed to decide who joins one."""

    def __init__(self) -> None:
        self.alerts: dict[int, Alert] = {}
        self._began: dict[int, float] = {}
        """By alert: when it fired."""
        self._rigs: dict[int, dict[int, float]] = {}
        """By alert: rigs that are or were in it, and when they were well again; inf: not yet."""
        self._ended: dict[int, dict[int, dict[str, Member]]] = {}
        """By alert, rig and part: members that ended while the alert goes on, the newest of each part."""

    def open(self, alert: Alert, began: float) -> None:
        """It has its id."""
        self.alerts[alert.id] = alert
        self._began[alert.id], self._rigs[alert.id], self._ended[alert.id] = began, {}, {}

    def close(self, alert: Alert) -> None:
        """It is resolved."""
        for by_alert in (self.alerts, self._began, self._rigs, self._ended):
            by_alert.pop(alert.id, None)

    def restore(self, alert: Alert, member: Member, well: float) -> None:
        """What was stored of a member; `well`: when it ended, or inf."""
        rigs = self._rigs[alert.id]
        rigs[member.rig_id] = max(well, rigs.get(member.rig_id, well))
        if member.state == "ended":
            self._ended[alert.id].setdefault(member.rig_id, {})[member.part] = member

    def enter(self, alert: Alert, member: Member) -> Member | None:
        """It is a member from now on. Returns the one that ended before and that it stands for: a rig that comes and
        goes is listed once."""
        self._rigs[alert.id][member.rig_id] = math.inf
        return self._ended[alert.id].get(member.rig_id, {}).pop(member.part, None)

    def rig_is_well(self, alert: Alert, rig_id: int, now: float) -> None:
        """None of its members is in trouble."""
        self._rigs[alert.id][rig_id] = now

    def leave(self, alert: Alert, member: Member) -> Member | None:
        """It ended. Returns one to forget: parts have the names that a rig gives them, and only the newest are kept."""
        its = self._ended[alert.id].setdefault(member.rig_id, {})
        its[member.part] = member
        return its.pop(next(iter(its))) if len(its) > MAX_PARTS else None

    def rigs_in(self, alert_id: int) -> AbstractSet[int]:
        """Rigs that are or were in it."""
        return self._rigs.get(alert_id, {}).keys()

    def was_in(self, rule_id: int, now: float) -> dict[int, Alert]:
        """By rig: the alert that it is in, or was in until a short while ago."""
        return {
            rig_id: alert
            for alert in self.alerts.values()
            if alert.rule_id == rule_id
            for rig_id, well in self._rigs[alert.id].items()
            if now - well < REJOIN_S
        }

    def recent(self, rule_id: int, now: float) -> dict[Fact, list[Alert]]:
        """Alerts that can still be joined, by what their members share; the oldest first."""
        found: dict[Fact, list[Alert]] = {}
        for alert in self.alerts.values():
            if alert.rule_id == rule_id and now - self._began[alert.id] < JOIN_S:
                for fact in alert.shared:
                    found.setdefault(fact, []).append(alert)
        return found


def oldest(recent: Mapping[Fact, list[Alert]], own: Facts) -> Alert | None:
    """The one to join, for a rig of which this is known."""
    candidates = [alert for fact in own for alert in recent.get(fact, ()) if fact in alert.shared]
    return min(candidates, key=lambda alert: alert.id, default=None)
