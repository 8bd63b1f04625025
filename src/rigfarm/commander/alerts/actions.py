"""The alerts of this farm: found, stored, announced; and what operators do with them.

Everything that begins, fires or ends is stored in one transaction, together with what has to be sent about it, before
it is announced. While the database refuses to write, nothing new is decided.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts import broadcasts, store
from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.engine.rulebook import RuleBook
from rigfarm.commander.alerts.engine.watch import Watch
from rigfarm.commander.alerts.model import FARM, MAX_NOTES, SEVERITIES, Alert, Member, Note, Severity
from rigfarm.commander.changes import describe, made_by
from rigfarm.commander.events import AlertRulesChanged, AlertsChanged, Events, RigRemoved
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_text
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.units import duration

__all__ = ["Alerts", "Outbox", "Outboxes"]

TICK_S = 0.25
FARM_EVERY_S = 5.0
SLICE = 200
"""Rigs that are looked at before others have their turn."""
KEEP_DAYS = 180
KEEP_ALERTS = 20_000
PRUNE_EVERY_S = 3_600.0
MAX_SNOOZE_MINUTES = 7 * 1440
LISTED_MEMBERS = 500

log = structlog.get_logger()


class Outbox(Protocol):
    """What has to be sent about alerts, written in the same transaction."""

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        """(alert, what happened to it)"""

    def wake(self) -> None:
        """It is committed."""


class Outboxes:
    """Several of them, as one."""

    def __init__(self, *outboxes: Outbox) -> None:
        self._outboxes = outboxes

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        """(alert, what happened to it)"""
        for one in self._outboxes:
            await one.write(tx, news)

    def wake(self) -> None:
        """It is committed."""
        for one in self._outboxes:
            one.wake()


class Alerts:
    """All open alerts, in memory; resolved ones are in the database."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        stats: OperationalStats,
        rules: RuleBook,
        watch: Watch,
        outbox: Outbox,
        muted_until: Callable[[Iterable[int]], int | None],
        *,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        """`muted_until`: until when (UTC ms) nothing is sent about these rigs; `wall`: UTC ms."""
        self.rules = rules
        self.watch = watch
        self._storage = storage
        self._hub = hub
        self._events = events
        self._rigs = rigs
        self._stats = stats
        self._outbox = outbox
        self._muted_until = muted_until
        self._wall = wall
        self._writing = asyncio.Lock()
        self._unsaved: Changes | None = None
        self._removed: list[int] = []
        self._rules_changed = False
        self._farm_at = 0.0
        events.listen(RigRemoved, lambda removed: self._removed.append(removed.rig_id))
        events.listen(AlertRulesChanged, self._rules_are_others)

    async def load(self) -> None:
        """Go on with what was in trouble; once, before serving."""
        await self.rules.load()
        self.watch.use(self.rules.active())
        async with self._storage.read() as tx:
            alerts, members = await store.load_open(tx)
        self.watch.load(members, alerts)
        self._rules_changed = True  # what no rule or rig stands for any longer ends

    # Looking up

    @property
    def open(self) -> list[Alert]:
        """Those that are not resolved: firing first, the worst first, then the newest."""
        return sorted(self.watch.alerts.values(), key=_urgency)

    @property
    def firing(self) -> int:
        """How many haven't been acknowledged."""
        return sum(alert.state == "firing" for alert in self.watch.alerts.values())

    @property
    def worst(self) -> Severity | None:
        """Of those that fire."""
        fires = [alert.severity for alert in self.watch.alerts.values() if alert.state == "firing"]
        return max(fires, key=SEVERITIES.index, default=None)

    def pending(self) -> list[Member]:
        """What may fire soon."""
        return [one.member for one in self.watch.open.values() if one.member.state == "pending"]

    async def get(self, alert_id: int) -> Alert:
        """One alert, or Absent."""
        found = self.watch.alerts.get(alert_id)
        if found is None:
            async with self._storage.read() as tx:
                found = await store.load_alert(tx, alert_id)
        if found is None:
            raise Absent(f"Alert {alert_id} does not exist.")
        return found

    async def resolved(
        self,
        limit: int,
        before: int | None = None,
        rule_id: int | None = None,
        rigs: Collection[int] | None = None,
    ) -> list[Alert]:
        """The latest that are resolved, newest first; `rigs`: only those that one of these was in."""
        async with self._storage.read() as tx:
            return await store.load_alerts(tx, limit, before=before, resolved=True, rule_id=rule_id, rigs=rigs)

    async def members(self, alert_id: int, limit: int = LISTED_MEMBERS) -> list[Member]:
        """Who is or was in it, those in trouble first."""
        async with self._storage.read() as tx:
            return await store.load_members(tx, alert_id, limit)

    async def rigs_in(self, alert_id: int) -> list[int]:
        """The rigs that are or were in an alert."""
        if alert_id in self.watch.alerts:
            return sorted(self.watch.rigs_in(self.watch.alerts[alert_id]))
        return sorted({one.rig_id for one in await self.members(alert_id)})

    # What operators do

    async def acknowledge(
        self, alert_id: int, by: str = "", together_with: Callable[[AsyncConnection], Awaitable[None]] | None = None
    ) -> Alert:
        """Someone takes care of it: it is no longer escalated or counted as firing. `by`: who, where no change that
        is under way says it; `together_with`: what is stored in the same transaction."""
        describe("acknowledge alert")
        values = {"state": "acknowledged", "until_ms": None}
        return await self._act(alert_id, by, "acknowledged it", values, together_with)

    async def snooze(self, alert_id: int, minutes: float) -> Alert:
        """Nothing is said of it for so long; if it still lasts then, it fires again."""
        describe("snooze alert")
        if not 1.0 <= minutes <= MAX_SNOOZE_MINUTES:
            raise Invalid("Snooze for 1 minute to 7 days (10080 minutes).", field="minutes")
        until = self._wall() + int(minutes * 60_000)
        words = f"snoozed it for {duration(minutes * 60)}"
        return await self._act(alert_id, "", words, {"state": "snoozed", "until_ms": until})

    async def note(self, alert_id: int, text: str) -> Alert:
        """Write down what it was."""
        describe("note on alert")
        text = clean_text(text)
        if not text:
            raise Invalid("Write something.", field="text")
        async with self._deciding():
            alert = await self.get(alert_id)
            if len(alert.notes) >= MAX_NOTES:
                raise Conflict(f"An alert has at most {MAX_NOTES} notes.")
            changed = await self._save(alert, {"notes": alert.noted(Note(self._wall(), _who(), text))})
        self._announce([changed])
        return changed

    async def end(self, alert_id: int) -> Alert:
        """It is over, whatever is known: for what is measured no more, such as a card that was taken out."""
        describe("end alert")
        async with self._deciding():
            alert = self._open_alert(alert_id)
            changes = Changes()
            self.watch.end_alert(alert, f"ended by {_who()}", changes)
            await self._store(changes)
        describe(alert=alert.id, alert_rule=alert.rule)
        return alert

    async def _act(
        self,
        alert_id: int,
        by: str,
        words: str,
        values: Mapping[str, object],
        together_with: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    ) -> Alert:
        who = by or _who()
        async with self._deciding():
            alert = self._open_alert(alert_id)
            now_ms = self._wall()
            noted = {"by": who, "by_ms": now_ms, "notes": alert.noted(Note(now_ms, who, words))}
            changed = await self._save(alert, {**values, **noted}, together_with)
        describe(alert=alert.id, alert_rule=alert.rule)
        self._announce([changed])
        return changed

    @asynccontextmanager
    async def _deciding(self) -> AsyncIterator[None]:
        """One after the other, and only once everything is stored that was decided before."""
        async with self._writing:
            if self._unsaved is not None:
                await self._store(self._unsaved)
            yield

    def _open_alert(self, alert_id: int) -> Alert:
        alert = self.watch.alerts.get(alert_id)
        if alert is None:
            raise Conflict(f"Alert {alert_id} is resolved, or does not exist.")
        return alert

    async def _save(
        self,
        alert: Alert,
        values: Mapping[str, object],
        together_with: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    ) -> Alert:
        """Store an alert with other values, then let it have them."""
        new = replace(alert, revision=alert.revision + 1, **values)
        async with self._storage.begin() as tx:
            await store.save_alert(tx, new)
            if together_with is not None:
                await together_with(tx)
        for name in Alert.__struct_fields__:
            setattr(alert, name, getattr(new, name))
        return alert

    # Time passes

    async def run(self, part: Part) -> None:
        """Look at what changed, until cancelled."""
        prune_at = time.monotonic() + 60.0
        while True:
            try:
                await self.step()
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE_EVERY_S
                    async with self._storage.begin() as tx:
                        await store.prune(tx, self._wall() - KEEP_DAYS * 86_400_000, KEEP_ALERTS)
                part.trouble = None
            except SQLAlchemyError as error:
                part.trouble = "alerts cannot be stored"
                log.error("alerts could not be stored; trying again", error=str(error))
            await asyncio.sleep(TICK_S)
            part.beat()

    async def step(self) -> None:
        """One look at all that changed since the last one."""
        now = time.monotonic()
        watch, touched = self.watch, self._stats.touched
        rigs = watch.due()
        if touched:
            rigs |= touched
            touched.clear()
        if now >= self._farm_at:
            self._farm_at = now + FARM_EVERY_S
            rigs |= watch.not_rigs()
        async with self._writing:
            if self._unsaved is not None:
                self._stats.touched |= {one for one in rigs if one > FARM}
                await self._store(self._unsaved)
                return
            changes = Changes()
            removed, self._removed = self._removed, []
            for rig_id in removed:
                watch.removed(rig_id, changes)
            if self._rules_changed:
                self._rules_changed = False
                watch.use(self.rules.active())
                watch.recheck(changes)
                rigs |= self._stats.rigs.keys()
            ordered = list(rigs)
            for at in range(0, len(ordered), SLICE):
                watch.look(ordered[at : at + SLICE], changes)
                if at + SLICE < len(ordered):
                    await asyncio.sleep(0)
            watch.fire(changes)
            self._muted(changes)
            self._wake_snoozed(changes)
            self._escalate(changes)
            if changes:
                await self._store(changes)

    def _muted(self, changes: Changes) -> None:
        """The time until new alerts are escalated begins when they may be sent."""
        rigs: dict[Alert, list[int]] = {alert: [] for alert in changes.alerts}
        for member in changes.fired:
            alert = self.watch.alert_of(member)
            if alert in rigs:
                rigs[alert].append(member.rig_id)
        for alert, ids in rigs.items():
            alert.escalates_from_ms = self._muted_until(ids)

    def _wake_snoozed(self, changes: Changes) -> None:
        now_ms = self._wall()
        for alert in self.watch.alerts.values():
            if alert.state == "snoozed" and alert.until_ms is not None and alert.until_ms <= now_ms:
                alert.state, alert.until_ms, alert.escalates_from_ms = "firing", None, now_ms
                alert.notes = alert.noted(Note(now_ms, "", "fires again after it was snoozed"))
                changes.woken.append(alert)

    def _escalate(self, changes: Changes) -> None:
        now_ms = self._wall()
        for alert in self.watch.alerts.values():
            active = self.watch.rules.get(alert.rule_id)
            after = None if active is None else active.form.escalate_minutes
            if after is None or alert.state != "firing" or alert.escalated_ms is not None:
                continue
            if now_ms - alert.urgent_since_ms < after * 60_000:
                continue
            if (muted := self._muted_until(self.watch.rigs_in(alert))) is not None:
                alert.escalates_from_ms = muted
                changes.changed[alert] = None
                continue
            alert.escalated_ms = now_ms
            alert.notes = alert.noted(Note(now_ms, "", f"escalated: not acknowledged for {duration(after * 60)}"))
            changes.escalated.append(alert)

    async def _store(self, changes: Changes) -> None:
        self._unsaved = changes
        in_alert = [(one, alert) for one in changes.fired if (alert := self.watch.alert_of(one)) is not None]
        news = [(one, "firing") for one in changes.alerts]
        news += [(one, f"again-{one.revision}") for one in changes.woken]
        news += [(one, "escalated") for one in changes.escalated]
        news += [(one, "resolved") for one in changes.resolved]
        new = [one for one in (*changes.pending, *changes.fired) if not one.id]
        try:
            async with self._storage.begin() as tx:
                await store.save_changes(tx, changes, in_alert)
                await self._outbox.write(tx, news)
        except BaseException:
            for one in new:
                one.id = 0  # the transaction that numbered them was rolled back
            for alert in changes.alerts:
                alert.id = 0
            raise
        self._unsaved = None
        self.watch.stored(changes)
        if news:
            self._outbox.wake()
        for alert in changes.alerts:
            log.warning("an alert fires", alert=alert.id, rule=alert.rule, rigs=alert.rigs, first=alert.text)
        self._announce([], {one.rig_id for one in (*changes.fired, *changes.ended)})

    def _rules_are_others(self, _: AlertRulesChanged) -> None:
        self._rules_changed = True
        broadcasts.settings_changed(self._hub)

    def _announce(self, changed: Iterable[Alert], rig_ids: Iterable[int] = ()) -> None:
        broadcasts.alerts_changed(self._hub)
        ids = set(rig_ids)
        for alert in changed:
            ids |= self.watch.rigs_in(alert)
        broadcasts.rigs_changed(self._hub, [self._rigs.rigs[one] for one in ids if one in self._rigs.rigs])
        self._events.publish(AlertsChanged())


def _who() -> str:
    return made_by() or "someone"


def _urgency(alert: Alert) -> tuple[bool, int, int]:
    return alert.state != "firing", -SEVERITIES.index(alert.severity), -alert.started_ms
