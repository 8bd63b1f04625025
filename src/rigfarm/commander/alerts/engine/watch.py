"""Looks at rigs that changed, by every rule that is on, and decides what begins, what fires and what ends.

It holds what is in trouble at the moment, in memory; its owner stores each change before it is announced. A rig
that does not change costs nothing. Durations are measured on a steady clock: a wall clock that jumps begins and ends
nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct

from rigfarm.commander.alerts.engine.agenda import Agenda
from rigfarm.commander.alerts.engine.causes import Facts, groups
from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.engine.opened import MAX_PARTS, OpenAlerts, oldest
from rigfarm.commander.alerts.engine.rule import ActiveRule, Farm, Found, part_name
from rigfarm.commander.alerts.model import FARM, Alert, Member, MemberState, Subject, circuit_in
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import UP
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["SETTLE_S", "START_S", "Watch"]

SETTLE_S = 0.75
"""What becomes due within this is looked at together, so that one cause makes one alert from the beginning."""
START_S = 45.0
"""After a start every Sentry is on its way back: nothing fires."""
AGAIN_S = 30.0
"""When what is excused for now is looked at again."""
MAX_TEXT = 300


class Watched(Struct):
    """A member, and what is known of it on the steady clock."""

    member: Member
    since: float
    well_since: float | None = None


class Watch:
    """All that is in trouble. `monotonic` is seconds, `wall` UTC milliseconds."""

    def __init__(
        self,
        farm: Farm,
        rigs: Mapping[int, RigStats],
        name_of: Callable[[int], str],
        facts_of: Callable[[int], Facts],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = utc_ms,
        start_s: float = START_S,
    ) -> None:
        """`facts_of`: what a rig may share with others."""
        self.open: dict[Subject, Watched] = {}
        self._opened = OpenAlerts()
        self.alerts = self._opened.alerts
        """Open ones by id."""
        self.rules: dict[int, ActiveRule] = {}
        self._farm = farm
        self._rigs = rigs
        self._name_of = name_of
        self._facts_of = facts_of
        self._monotonic = monotonic
        self._wall = wall
        self._quiet_until = monotonic() + start_s
        self._by_kind: dict[str, tuple[ActiveRule, ...]] = {}
        self._of_farm: tuple[ActiveRule, ...] = ()
        self._of_circuits: tuple[ActiveRule, ...] = ()
        self._by_rig: dict[int, dict[Subject, Watched]] = {}
        self._agenda = Agenda()
        self._ready: dict[Subject, float] = {}
        """Due, and waiting for others of the same cause; since when."""
        self._alert_of: dict[Subject, Alert] = {}

    # Beginning

    def load(self, members: Iterable[Member], alerts: Iterable[Alert]) -> None:
        """What was in trouble when the Commander ended. `members`: those of open alerts, ended ones included."""
        now, now_ms = self._monotonic(), self._wall()
        for alert in alerts:
            self._opened.open(alert, now - max(now_ms - alert.started_ms, 0) / 1000)
        for member in members:
            alert_of = self.alerts.get(member.alert_id or 0)
            if alert_of is not None:
                well = math.inf if member.ended_ms is None else now - max(now_ms - member.ended_ms, 0) / 1000
                self._opened.restore(alert_of, member, well)
            if member.state == "ended":
                continue
            watched = Watched(member, now - max(now_ms - member.since_ms, 0) / 1000)
            self._put(watched)
            if alert_of is not None:
                self._alert_of[member.key] = alert_of
            self._agenda.enter(now, member.rig_id)

    def use(self, rules: Iterable[ActiveRule]) -> None:
        """From now on these are the rules. What they say of every rig is asked in turn."""
        self.rules = {one.id: one for one in rules}
        ordered = sorted(self.rules.values(), key=lambda one: (one.rule.last, one.id))
        for kind in ("cpu-gpu", "asic"):
            self._by_kind[kind] = tuple(
                one for one in ordered if one.rule.of_rigs and kind in one.rule.kinds and one.form.kind in ("", kind)
            )
        self._of_farm = tuple(one for one in ordered if one.rule.when == "farm")
        self._of_circuits = tuple(one for one in ordered if one.rule.when == "circuit")

    # Looking

    def due(self) -> set[int]:
        """Rigs that have to be looked at because time has passed."""
        return self._agenda.due(self._monotonic())

    def not_rigs(self) -> set[int]:
        """The Commander, and circuits that a rule or an open alert is about."""
        circuits = (circuit_in(one) for one in self._farm.circuits()) if self._of_circuits else ()
        return {FARM, *circuits, *(one for one in self._by_rig if one < FARM)}

    def look(self, rig_ids: Iterable[int], changes: Changes) -> None:
        """Look at these rigs by every rule."""
        now = self._monotonic()
        for rig_id in rig_ids:
            if rig_id <= FARM:
                rules = self._of_farm if rig_id == FARM else self._of_circuits
                self._look_at(RigStats(rig_id, "cpu-gpu"), rules, now, changes)
            elif (rig := self._rigs.get(rig_id)) is not None:
                self._look_at(rig, self._by_kind[rig.kind], now, changes)

    def _look_at(self, rig: RigStats, rules: tuple[ActiveRule, ...], now: float, changes: Changes) -> None:
        state = rig.condition.state
        up, known = state in UP, state != "waiting"
        mine = self._by_rig.get(rig.rig_id)
        if rig.maintenance:
            for watched in list((mine or {}).values()):
                self._end(watched, "the rig is in maintenance", changes)
            return
        for active in rules:
            rule = active.rule
            if not (up if rule.when == "up" else known or not rule.of_rigs):
                continue
            if rule.mining and rig.rests:
                if mine:
                    self._end_all(rig.rig_id, active.id, rig.rests, changes)
                continue
            found = () if rule.last and self._covered(rig.rig_id) else rule.bad(rig, active.form, self._farm)
            if found or mine:
                self._judge(rig, active, found, now, changes)
                mine = self._by_rig.get(rig.rig_id)

    def _judge(self, rig: RigStats, active: ActiveRule, found: Iterable[Found], now: float, changes: Changes) -> None:
        mine = self._by_rig.get(rig.rig_id, {})
        bad: set[str] = set()
        for one in found:
            if len(bad) >= MAX_PARTS:
                break
            # What a rig calls itself is neither stored nor compared as it comes.
            said = Found(printable(one.text, "?", most=MAX_TEXT), one.value, part_name(one.part))
            bad.add(said.part)
            watched = mine.get((active.id, rig.rig_id, said.part))
            if watched is None:
                self._begin(rig, active, said, now, changes)
            else:
                self._still_bad(watched, active, said, now)
        for key, watched in [one for one in mine.items() if one[0][0] == active.id and key_part(one[0]) not in bad]:
            self._ready.pop(key, None)
            if why := self._over(rig, active, watched.member.part):
                self._is_well(watched, active, now, why, changes)
            else:
                watched.well_since = None

    def _over(self, rig: RigStats, active: ActiveRule, part: str) -> str:
        """Why what was bad is over; empty when it is not, or nothing is known of it."""
        if active.rule.last and (covered := self._covered(rig.rig_id)):
            self._agenda.enter(self._monotonic() + AGAIN_S, rig.rig_id)
            return "" if covered == "pending" else "another rule has an alert about it"
        if active.rule.well(rig, active.form, self._farm, part):
            return "back to normal"
        return active.rule.outdated(rig, active.form, self._farm, part)

    def _begin(self, rig: RigStats, active: ActiveRule, found: Found, now: float, changes: Changes) -> None:
        if not active.fits(rig.rig_id):
            return
        if active.rule.excuse(rig, self._farm) or (active.rule.mining and self._farm.updating(rig.rig_id)):
            self._agenda.enter(now + AGAIN_S, rig.rig_id)
            return
        member = Member(
            0,
            active.id,
            rig.rig_id,
            found.part,
            self._name_of(rig.rig_id),
            "pending",
            found.text,
            found.value,
            self._wall(),
        )
        watched = Watched(member, now)
        self._put(watched)
        if active.form.minutes >= 1.0:
            changes.pending[member] = None
        self._still_bad(watched, active, found, now)

    def _still_bad(self, watched: Watched, active: ActiveRule, found: Found, now: float) -> None:
        member = watched.member
        member.text, member.value = found.text, found.value
        watched.well_since = None
        if member.state != "pending" or member.key in self._ready:
            return
        due = max(watched.since + active.form.minutes * 60.0, self._quiet_until)
        if now >= due:
            self._ready[member.key] = now
        else:
            self._agenda.enter(due, member.rig_id)

    def _is_well(self, watched: Watched, active: ActiveRule, now: float, why: str, changes: Changes) -> None:
        if watched.member.state == "pending":
            self._drop(watched, changes)
            return
        if watched.well_since is None:
            watched.well_since = now
        due = watched.well_since + active.form.well_minutes * 60.0
        if now >= due:
            self._end(watched, why, changes)
        else:
            self._agenda.enter(due, watched.member.rig_id)

    # Firing

    def fire(self, changes: Changes) -> None:
        """What is due fires, by cause, once others of the same cause had the time to become due as well."""
        now = self._monotonic()
        if not self._ready or now < next(iter(self._ready.values())) + SETTLE_S:
            return
        by_rule: dict[int, list[Watched]] = {}
        for key in self._ready:
            by_rule.setdefault(key[0], []).append(self.open[key])
        self._ready.clear()
        for rule_id, ready in by_rule.items():
            self._fire_rule(self.rules[rule_id], ready, now, changes)

    def _fire_rule(self, active: ActiveRule, ready: list[Watched], now: float, changes: Changes) -> None:
        facts: dict[Subject, Facts] = {}
        recent, was_in = self._opened.recent(active.id, now), self._opened.was_in(active.id, now)
        for watched in sorted(ready, key=lambda one: one.member.key):
            member = watched.member
            own = self._facts_of(member.rig_id)
            alert = was_in.get(member.rig_id) or oldest(recent, own)
            if alert is None:
                facts[member.key] = own
                continue
            if member.rig_id not in self._opened.rigs_in(alert.id):
                alert.shared = [fact for fact in alert.shared if fact in own]
            self._join(member, alert, changes)
            changes.changed[alert] = None
        for keys, shared in groups(facts):
            first = self.open[keys[0]].member
            alert = Alert(0, active.id, active.form.name, active.form.severity, "firing", sorted(shared), self._wall())
            alert.text = first.text
            changes.alerts.append(alert)
            rigs: set[int] = set()
            for key in keys:
                member = self.open[key].member
                self._join(member, alert, changes, count=member.rig_id not in rigs)
                rigs.add(member.rig_id)

    def _join(self, member: Member, alert: Alert, changes: Changes, *, count: bool | None = None) -> None:
        member.state, member.fired_ms = "firing", self._wall()
        if count is None:
            inside = any(self._alert_of.get(key) is alert for key in self._by_rig[member.rig_id] if key != member.key)
            alert.rigs += member.rig_id not in self._opened.rigs_in(alert.id)
            alert.open_rigs += not inside
            if (before := self._opened.enter(alert, member)) is not None:
                changes.dropped.append(before)
        else:
            alert.rigs += count
            alert.open_rigs += count
        self._alert_of[member.key] = alert
        changes.fired.append(member)

    def alert_of(self, member: Member) -> Alert | None:
        """The alert that it is in."""
        return self._alert_of.get(member.key)

    def stored(self, changes: Changes) -> None:
        """New alerts have their ids."""
        now = self._monotonic()
        for alert in changes.alerts:
            if alert.open:
                self._opened.open(alert, now)
        for member in changes.fired:
            alert_of = self._alert_of.get(member.key)
            if alert_of is not None and alert_of.id in self.alerts:
                self._opened.enter(alert_of, member)

    # Ending

    def removed(self, rig_id: int, changes: Changes) -> None:
        """The rig is no longer one of the farm's."""
        for watched in list(self._by_rig.get(rig_id, {}).values()):
            self._end(watched, "the rig was removed", changes)

    def recheck(self, changes: Changes) -> None:
        """After the rules changed: what no rule covers any longer ends."""
        for key, watched in list(self.open.items()):
            active = self.rules.get(key[0])
            rig = self._rigs.get(key[1])
            if active is None:
                self._end(watched, "the rule was removed or switched off", changes)
            elif key[1] > FARM and rig is None:
                self._end(watched, "the rig was removed", changes)
            elif rig is not None and (active.form.kind not in ("", rig.kind) or not active.fits(key[1])):
                self._end(watched, "the rule no longer covers this rig", changes)

    def end_alert(self, alert: Alert, why: str, changes: Changes) -> None:
        """An operator says that it is over."""
        for key in [key for key, its in self._alert_of.items() if its is alert]:
            self._end(self.open[key], why, changes)

    def _end_all(self, rig_id: int, rule_id: int, why: str, changes: Changes) -> None:
        for key, watched in list(self._by_rig.get(rig_id, {}).items()):
            if key[0] == rule_id:
                self._end(watched, why, changes)

    def _drop(self, watched: Watched, changes: Changes) -> None:
        member = watched.member
        self._take(member.key)
        changes.pending.pop(member, None)
        if member.id:
            changes.dropped.append(member)

    def _end(self, watched: Watched, why: str, changes: Changes) -> None:
        member = watched.member
        if member.state == "pending":
            self._drop(watched, changes)
            return
        member.state, member.ended_ms, member.ending = "ended", self._wall(), why
        self._take(member.key)
        changes.ended.append(member)
        alert = self._alert_of.pop(member.key)
        if all(self._alert_of.get(key) is not alert for key in self._by_rig.get(member.rig_id, ())):
            alert.open_rigs -= 1
            self._opened.rig_is_well(alert, member.rig_id, self._monotonic())
        if alert.open_rigs > 0:
            if (oldest_one := self._opened.leave(alert, member)) is not None:
                changes.dropped.append(oldest_one)
            changes.changed[alert] = None
            return
        alert.state, alert.ended_ms, alert.ending = "resolved", self._wall(), why
        changes.resolved.append(alert)
        self._opened.close(alert)

    # Inside

    def _covered(self, rig_id: int) -> MemberState | None:
        """What a rule that is asked before the last ones has found on the rig: `firing` when one of them has an alert,
        `pending` when it may have one soon."""
        its = [
            watched.member.state
            for key, watched in self._by_rig.get(rig_id, {}).items()
            if (active := self.rules.get(key[0])) is not None and not active.rule.last
        ]
        return None if not its else "firing" if "firing" in its else "pending"

    def rigs_in(self, alert: Alert) -> AbstractSet[int]:
        """Rigs that are or were in an open alert."""
        return self._opened.rigs_in(alert.id)

    def failing_in(self, alert: Alert) -> dict[int, Member]:
        """Rigs of an open alert that are not about to be well, each with the first of its members in it."""
        found: dict[int, Member] = {}
        for rig_id in self.rigs_in(alert):
            for key, watched in self._by_rig.get(rig_id, {}).items():
                if watched.well_since is None and self._alert_of.get(key) is alert:
                    found.setdefault(rig_id, watched.member)
        return found

    def of_rig(self, rig_id: int) -> list[Member]:
        """What is in trouble on it."""
        return [watched.member for watched in self._by_rig.get(rig_id, {}).values()]

    def _put(self, watched: Watched) -> None:
        key = watched.member.key
        self.open[key] = watched
        self._by_rig.setdefault(key[1], {})[key] = watched

    def _take(self, key: Subject) -> None:
        del self.open[key]
        self._ready.pop(key, None)
        mine = self._by_rig[key[1]]
        del mine[key]
        if not mine:
            del self._by_rig[key[1]]


def key_part(key: Subject) -> str:
    """What of the rig it is."""
    return key[2]
