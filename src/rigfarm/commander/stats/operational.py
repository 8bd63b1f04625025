"""The operational stats of every rig: one log in, everything that follows from it in O(1).

A rig counts while its link is up and its last log is younger than three report intervals. It is offline the moment
its link has been gone for the grace in which Sentries reconnect, or when it stays silent.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from rigfarm.commander.events import (
    AttentionChanged,
    ConditionChanged,
    Events,
    LanAddressChanged,
    MaintenanceChanged,
    NormalChanged,
    RigAdded,
    RigRemoved,
    RigRests,
    RigToldToStop,
    TokenRotated,
)
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import broadcasts
from rigfarm.commander.stats.condition import SILENT_INTERVALS, UP, Condition, condition
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.commander.stats.farm import FarmStats
from rigfarm.commander.stats.normal import see
from rigfarm.commander.stats.rig_stats import Happening, RigStats
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable
from rigfarm.wire.log import OperationalLog

__all__ = ["OperationalStats"]

LINK_GRACE_S = 4.0
"""A link that returns within this was never gone."""
START_GRACE_S = 30.0
"""After a start every Sentry is on its way back."""
TICK_S = 0.25
SAMPLE_EVERY_S = 10.0
MAX_TROUBLE = 300
PAUSES_WITHIN_S = 300.0
SHUTS_DOWN_WITHIN_S = 120.0
"""A rig that was told to shut down and reports after this goes on as if it had not been told."""
FUTURE_MS = 60_000
"""A stamp further ahead than this came from a wrong clock, and does not keep later logs out."""


class OperationalStats(FarmStats):
    """In memory, on the event loop. `clock` is monotonic seconds, `wall_ms` UTC milliseconds."""

    def __init__(self, hub: Hub, events: Events, interval_s: float) -> None:
        super().__init__(interval_s)
        self._hub = hub
        self._events = events
        events.listen(RigAdded, self._rig_added)
        events.listen(RigRemoved, self._rig_removed)
        events.listen(TokenRotated, self._token_rotated)
        events.listen(MaintenanceChanged, self._maintenance_changed)
        events.listen(RigToldToStop, self._told_to_stop)
        self._leaving: dict[int, float] = {}
        """Rigs whose link is gone, and when that becomes true for everybody."""
        self._heard: OrderedDict[int, float] = OrderedDict()
        """Rigs that are up by when they were last heard, longest silence first."""
        self.touched: set[int] = set()
        """Rigs that changed since the alert rules took them from here; a set, so it is no larger than the farm."""
        self._followed: list[set[int]] = []
        self._stale: set[KindName] = set()
        """Whose totals changed since viewers were told."""
        self._sick_told = self.sick

    def follow(self) -> set[int]:
        """As above."""
        followed: set[int] = set()
        self._followed.append(followed)
        return followed

    # Rigs come and go

    def add(self, rig_id: int, kind: KindName, *, token_due: bool = False, maintenance: bool = False) -> RigStats:
        """A rig exists; it waits for its first log."""
        rig = self.rigs.get(rig_id)
        if rig is None:
            rig = self.rigs[rig_id] = RigStats(rig_id, kind, token_due=token_due, maintenance=maintenance)
            rig.condition = self._condition(rig)
            self.totals[kind].change_state(None, rig.condition)
            broadcasts.totals_changed(self._hub, kind)
        return rig

    def remove(self, rig_id: int) -> None:
        """The rig was removed: its share leaves the totals at once."""
        rig = self.rigs.pop(rig_id, None)
        if rig is None:
            return
        self._leaving.pop(rig_id, None)
        self._heard.pop(rig_id, None)
        self.touched.discard(rig_id)
        self._count(rig, False)
        self.totals[rig.kind].change_state(rig.condition, None)
        broadcasts.rig_removed(self._hub, rig)
        broadcasts.totals_changed(self._hub, rig.kind)

    def _rig_added(self, added: RigAdded) -> None:
        self.add(added.rig_id, added.kind)

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.remove(removed.rig_id)

    def _token_rotated(self, rotated: TokenRotated) -> None:
        rig = self.rigs.get(rotated.rig_id)
        if rig is not None:
            rig.token_due = True
            self._judge(rig)

    def _maintenance_changed(self, changed: MaintenanceChanged) -> None:
        rig = self.rigs.get(changed.rig_id)
        if rig is not None:
            rig.maintenance = changed.on
            rig.happenings.append(Happening(utc_ms(), "maintenance", changed.said))
            self._judge(rig, changed=True)

    def rest(self, rig_id: int, why: str) -> None:
        """The rig mines nothing on purpose, or (empty) should mine again."""
        rig = self.rigs.get(rig_id)
        if rig is not None and rig.resting != why:
            rig.resting = why
            self._judge(rig)
            self._events.publish(RigRests(rig_id, rig.rests))

    def _told_to_stop(self, told: RigToldToStop) -> None:
        rig = self.rigs.get(told.rig_id)
        if rig is not None and (rig.paused, rig.off) != (told.paused, told.off):
            rig.off, rig.off_since = told.off, time.monotonic()
            self._pause(rig, told.paused)
            self._judge(rig)

    def _pause(self, rig: RigStats, why: str) -> None:
        if rig.paused != why:
            rig.paused, rig.paused_seen, rig.paused_since = why, False, time.monotonic()
            self._events.publish(RigRests(rig.rig_id, rig.rests))

    def trouble(self, rig_id: int, kind: str, detail: str) -> None:
        """The rig's Sentry says why it has nothing to report of it, or (an empty kind) that it has again."""
        rig = self.rigs.get(rig_id)
        said = (printable(kind, "?", most=MAX_TROUBLE), printable(detail, " ", most=MAX_TROUBLE))
        if rig is not None and rig.trouble != said:
            rig.trouble = said
            self._judge(rig)

    # What the link says

    def link_up(self, rig_id: int, sentry: str = "") -> None:
        """The rig's Sentry is connected. What it last said is shown until it says more. `sentry`: its name, where it
        speaks for several rigs."""
        rig = self.rigs.get(rig_id)
        if rig is None:
            return
        if not rig.link_up:
            rig.off = ""
        rig.link_up = True
        rig.sentry = sentry
        rig.token_due = False
        rig.trouble = ("", "")
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
        address = rig.log.lan_ip if rig.log is not None else None
        rig.log = log
        since = now - rig.heard if rig.heard is not None else 0.0
        rig.heard = now
        rig.heard_ms = now_ms
        self._heard[rig_id] = now
        self._heard.move_to_end(rig_id)
        contribution = contribution_of(log)
        hashing = sum(share.millihashes > 0 for share in contribution.coins)
        for share in contribution.coins:
            others = hashing > (share.millihashes > 0)
            if see(rig.normal, share.coin, share.millihashes / 1000, now, since_s=since, others=others):
                self._normal_changed(rig, share.coin)
        if rig.off and now - rig.off_since > SHUTS_DOWN_WITHIN_S:
            rig.off = ""
        if rig.paused:
            if hashing and (rig.paused_seen or now - rig.paused_since > PAUSES_WITHIN_S):
                self._pause(rig, "")
            rig.paused_seen = not hashing
        if rig.counted:
            totals = self.totals[rig.kind]
            totals.add(rig.contribution, -1)
            totals.add(contribution, 1)
        rig.contribution = contribution
        self._judge(rig, changed=True)
        if log.lan_ip and log.lan_ip != address:
            self._events.publish(LanAddressChanged(rig_id, log.lan_ip))
        return True

    def logs_dropped(self, rig_id: int, count: int) -> None:
        """The rig's Sentry could not keep so many logs while it was cut off."""
        rig = self.rigs.get(rig_id)
        if rig is not None and count:
            rig.dropped += count
            rig.dropped_ms = utc_ms()
            self._changed(rig)

    def logs_not_kept(self, rig_id: int, *, untimely: int = 0, over_quota: int = 0) -> None:
        """So many logs of the rig were acknowledged and not kept."""
        rig = self.rigs.get(rig_id)
        if rig is not None and (untimely or over_quota):
            rig.untimely += untimely
            rig.over_quota += over_quota
            rig.untimely_ms = utc_ms() if untimely else rig.untimely_ms
            self._changed(rig)

    def fed_by(self, rig: RigStats, circuit: str) -> None:
        """The name of the circuit that feeds the rig; empty where that is unknown. No page of the rig shows it."""
        if rig.circuit != circuit:
            rig.circuit = circuit
            self._note_changed(rig)

    def judge_all(self) -> None:
        """The marks are others than before: every rig's state and colours follow."""
        for rig in self.rigs.values():
            self._judge(rig, changed=True)

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
                    self.lately[kind].sample(totals, utc_ms())

    def tick(self, now: float) -> None:
        """Judge again the rigs that left or fell silent; tell of the totals, once for all the logs since last time."""
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
        if (sick := self.sick) != self._sick_told:
            self._sick_told = sick
            self._events.publish(AttentionChanged())

    # What follows

    def _judge(self, rig: RigStats, *, changed: bool = False) -> None:
        """Decide the rig's state, and tell viewers when anything changed."""
        old = rig.condition
        new = self._condition(rig)
        up = new.state in UP
        if new != old:
            changed = True
            rig.condition = new
            self._note(rig, old, new)
        self._count(rig, up)
        if changed:
            self._changed(rig)
            self._stale.add(rig.kind)
        if (new.state, new.cause, new.maintenance) != (old.state, old.cause, old.maintenance):
            self._events.publish(
                ConditionChanged(
                    rig.rig_id,
                    rig.kind,
                    old.state,
                    new.state,
                    new.reason,
                    new.cause,
                    new.word,
                    new.severity,
                    new.attention_rank,
                    new.maintenance,
                    utc_ms(),
                )
            )

    def _changed(self, rig: RigStats) -> None:
        rig.version += 1
        self.touched.add(rig.rig_id)
        self._note_changed(rig)
        broadcasts.rig_changed(self._hub, rig)

    def _note_changed(self, rig: RigStats) -> None:
        for followed in self._followed:
            followed.add(rig.rig_id)

    def _condition(self, rig: RigStats) -> Condition:
        age = None if rig.heard is None else time.monotonic() - rig.heard
        found = condition(
            rig.log,
            link_up=rig.link_up,
            last_seen_age_s=age,
            interval_s=self.interval_s,
            normal_hashrate=rig.expected,
            in_rounds=rig.mines_in_rounds,
            before=rig.condition,
            token_due=rig.token_due,
            resting=rig.rests,
            off=rig.off,
            trouble=rig.trouble,
        )
        return found.maintained() if rig.maintenance else found

    def _normal_changed(self, rig: RigStats, coin: str) -> None:
        normal = rig.expected(coin)
        if normal is not None:
            self._events.publish(NormalChanged(rig.rig_id, coin, normal))

    def _note(self, rig: RigStats, old: Condition, new: Condition) -> None:
        now_ms = utc_ms()
        self.totals[rig.kind].change_state(old, new)
        if new.state != old.state:
            rig.since_ms = now_ms
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
        rig.link_up = age_s < START_GRACE_S + SILENT_INTERVALS * self.interval_s and not rig.token_due
        if rig.link_up:
            self._leaving[rig_id] = now + START_GRACE_S
            rig.heard = now
            self._heard[rig_id] = now
        self._judge(rig, changed=True)
