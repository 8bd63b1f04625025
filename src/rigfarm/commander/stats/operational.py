"""The operational stats of every rig: one log in, everything that follows from it in O(1).

A rig counts while its link is up and its last log is younger than three report intervals. It is offline the moment
its link has been gone for the grace in which Sentries reconnect, or when it stays silent.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from rigfarm.commander.channels import Kind
from rigfarm.commander.events import ConditionChanged, Events, RigAdded, RigRemoved
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import broadcasts
from rigfarm.commander.stats.condition import Condition, condition
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.commander.stats.day import Day
from rigfarm.commander.stats.normal import see
from rigfarm.commander.stats.rig_stats import Happening, RigStats
from rigfarm.commander.stats.totals import Totals
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog

__all__ = ["OperationalStats"]

LINK_GRACE_S = 4.0
"""A link that returns within this was never gone."""
START_GRACE_S = 30.0
"""After a start every Sentry is on its way back."""
TICK_S = 0.25
SAMPLE_EVERY_S = 10.0
FUTURE_MS = 60_000
"""A stamp further ahead than this came from a wrong clock, and does not keep later logs out."""
SILENT_INTERVALS = 3
UP = frozenset({"online", "degraded", "idle"})


class OperationalStats:
    """In memory, on the event loop. `clock` is monotonic seconds, `wall_ms` UTC milliseconds."""

    def __init__(self, hub: Hub, events: Events, interval_s: float) -> None:
        self.rigs: dict[int, RigStats] = {}
        self.totals: dict[Kind, Totals] = {"cpu-gpu": Totals(), "asic": Totals()}
        self.days: dict[Kind, Day] = {"cpu-gpu": Day(), "asic": Day()}
        """The last 24 hours, for the sparklines."""
        self.interval_s = interval_s
        self._hub = hub
        self._events = events
        events.listen(RigAdded, self._rig_added)
        events.listen(RigRemoved, self._rig_removed)
        self._leaving: dict[int, float] = {}
        """Rigs whose link is gone, and when that becomes true for everybody."""
        self._heard: OrderedDict[int, float] = OrderedDict()
        """Rigs that are up by when they were last heard, longest silence first."""
        self._stale: set[Kind] = set()
        """Whose totals changed since viewers were told."""

    # Rigs come and go

    def add(self, rig_id: int, kind: Kind) -> RigStats:
        """A rig exists; it waits for its first log."""
        rig = self.rigs.get(rig_id)
        if rig is None:
            rig = self.rigs[rig_id] = RigStats(rig_id, kind)
            self.totals[kind].change_state(None, rig.condition.state)
            broadcasts.totals_changed(self._hub, kind)
        return rig

    def remove(self, rig_id: int) -> None:
        """The rig was removed: its share leaves the totals at once."""
        rig = self.rigs.pop(rig_id, None)
        if rig is None:
            return
        self._leaving.pop(rig_id, None)
        self._heard.pop(rig_id, None)
        self._count(rig, False)
        self.totals[rig.kind].change_state(rig.condition.state, None)
        broadcasts.rig_removed(self._hub, rig)
        broadcasts.totals_changed(self._hub, rig.kind)

    def _rig_added(self, added: RigAdded) -> None:
        self.add(added.rig_id, added.kind)

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.remove(removed.rig_id)

    # What the link says

    def link_up(self, rig_id: int) -> None:
        """The rig's Sentry is connected. What it last said is shown until it says more."""
        rig = self.rigs.get(rig_id)
        if rig is None:
            return
        rig.link_up = True
        self._leaving.pop(rig_id, None)
        self._judge(rig)

    def link_lost(self, rig_id: int) -> None:
        """The rig's Sentry is gone: offline unless it returns within the grace."""
        rig = self.rigs.get(rig_id)
        if rig is not None and rig.link_up:
            self._leaving[rig_id] = time.monotonic() + LINK_GRACE_S

    def receive(self, rig_id: int, log: OperationalLog) -> bool:
        """Take a rig's newest log. An older one (a backlog being drained) changes nothing here: False."""
        rig = self.rigs.get(rig_id)
        now_ms = utc_ms()
        if rig is None or (rig.log is not None and log.t <= rig.log.t <= now_ms + FUTURE_MS):
            return False
        now = time.monotonic()
        rig.log = log
        rig.heard = now
        rig.heard_ms = now_ms
        self._heard[rig_id] = now
        self._heard.move_to_end(rig_id)
        contribution = contribution_of(log)
        for share in contribution.coins:
            see(rig.normal, share.coin, share.millihashes / 1000, now)
        if rig.counted:
            totals = self.totals[rig.kind]
            totals.add(rig.contribution, -1)
            totals.add(contribution, 1)
        rig.contribution = contribution
        self._judge(rig, changed=True)
        return True

    def logs_dropped(self, rig_id: int, count: int) -> None:
        """The rig's Sentry could not keep so many logs while it was cut off."""
        rig = self.rigs.get(rig_id)
        if rig is not None and count:
            rig.dropped += count
            rig.version += 1
            broadcasts.rig_changed(self._hub, rig)

    def logs_not_kept(self, rig_id: int, *, untimely: int = 0, over_quota: int = 0) -> None:
        """So many logs of the rig were acknowledged and not kept."""
        rig = self.rigs.get(rig_id)
        if rig is not None and (untimely or over_quota):
            rig.untimely += untimely
            rig.over_quota += over_quota
            rig.version += 1
            broadcasts.rig_changed(self._hub, rig)

    # Time passes

    async def run(self, part: Part) -> None:
        """Let time pass until cancelled."""
        sample_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            part.beat()
            now = time.monotonic()
            self.tick(now)
            if now >= sample_at:
                sample_at = now + SAMPLE_EVERY_S
                for kind, totals in self.totals.items():
                    self.days[kind].sample(totals, time.time())

    def tick(self, now: float) -> None:
        """Judge anew whoever left or fell silent; tell of the totals, once for all the logs since the last time."""
        for rig_id in [rig_id for rig_id, due in self._leaving.items() if due <= now]:
            del self._leaving[rig_id]
            rig = self.rigs[rig_id]
            rig.link_up = False
            self._judge(rig)
        silent_since = now - SILENT_INTERVALS * self.interval_s
        while self._heard:
            rig_id, heard = next(iter(self._heard.items()))
            if heard > silent_since:
                break
            del self._heard[rig_id]
            self._judge(self.rigs[rig_id])
        for kind in self._stale:
            broadcasts.totals_changed(self._hub, kind)
        self._stale.clear()

    # What follows

    def _judge(self, rig: RigStats, *, changed: bool = False) -> None:
        """Decide the rig's state, and tell whoever looks when anything changed."""
        old = rig.condition
        new = self._condition(rig)
        up = new.state in UP
        if new != old:
            changed = True
            rig.condition = new
            if new.state != old.state or new.reason != old.reason:
                self._note(rig, old, new)
        self._count(rig, up)
        if changed:
            rig.version += 1
            broadcasts.rig_changed(self._hub, rig)
            self._stale.add(rig.kind)
        if new is not old:
            self._events.publish(ConditionChanged(rig.rig_id, rig.kind, old.state, new.state))

    def _condition(self, rig: RigStats) -> Condition:
        age = None if rig.heard is None else time.monotonic() - rig.heard
        return condition(
            rig.log,
            link_up=rig.link_up,
            last_seen_age_s=age,
            interval_s=self.interval_s,
            normal_hashrate=rig.expected,
            before=rig.condition,
        )

    def _note(self, rig: RigStats, old: Condition, new: Condition) -> None:
        now_ms = utc_ms()
        if new.state != old.state:
            rig.since_ms = now_ms
            self.totals[rig.kind].change_state(old.state, new.state)
        if new.state != old.state or new.cause != old.cause:
            rig.happenings.append(Happening(now_ms, new.state, new.reason))

    def _count(self, rig: RigStats, up: bool) -> None:
        if up == rig.counted:
            return
        rig.counted = up
        self.totals[rig.kind].add(rig.contribution, 1 if up else -1)

    # A start after a stop

    def restore(self, rig_id: int, log: OperationalLog, heard_ms: int) -> None:
        """What the journal remembers of a rig. It is believed for the time in which all Sentries return."""
        rig = self.rigs.get(rig_id)
        if rig is None or rig.counted:
            return
        now, now_ms = time.monotonic(), utc_ms()
        age_s = max(now_ms - heard_ms, 0) / 1000
        rig.log = log
        rig.heard_ms = heard_ms
        rig.heard = now - age_s
        rig.contribution = contribution_of(log)
        rig.link_up = age_s < START_GRACE_S + SILENT_INTERVALS * self.interval_s
        if rig.link_up:
            self._leaving[rig_id] = now + START_GRACE_S
            rig.heard = now
            self._heard[rig_id] = now
        self._judge(rig, changed=True)
