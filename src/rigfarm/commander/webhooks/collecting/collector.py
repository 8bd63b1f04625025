"""Listens to what happens, and writes it into the database a moment later, together. Alerts are not among it: they are
written in the transaction that stores them. Activity is read from where it is stored, and how far is stored, too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.activity import Activity
from rigfarm.commander.activity.api import entry_answer
from rigfarm.commander.activity.broadcasts import ACTIVITY
from rigfarm.commander.activity.model import Query
from rigfarm.commander.events import CommandEnded, ConditionChanged, Events, RigAdded, RigRemoved, RigRenamed
from rigfarm.commander.live import ALL, Event, Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.storage import Storage, get_meta, set_meta
from rigfarm.commander.supervised import Part
from rigfarm.commander.webhooks.actions import Happened, Webhooks
from rigfarm.commander.webhooks.model import EventType
from rigfarm.common.clock import utc_ms

__all__ = ["Collector"]

MAX_PENDING = 20_000
"""Events that are not in the database yet."""
AT_ONCE = 1_000
TOGETHER_S = 0.2
POSITION = "webhooks-activity"
TROUBLE = "events for webhooks cannot be stored"

log = structlog.get_logger()


class RigData(Struct, omit_defaults=True):
    """A rig that came or went; `before`: its name until now."""

    rig_id: int
    kind: str
    rig: str
    before: str = ""


class StateData(Struct):
    """A rig's state word, what is wrong, or maintenance changed. `attention`: 0 well, 1 needs it, 2 needs it now."""

    rig_id: int
    kind: str
    rig: str
    before: str
    state: str
    reason: str
    attention: int
    maintenance: bool


class CommandData(Struct):
    """A command has its final result: done, refused or failed."""

    rig_id: int
    rig: str
    command_id: str
    title: str
    state: str
    detail: str


class Collector:
    """Used from the event loop only."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        book: Rigs,
        activity: Activity,
        incidents: Incidents,
        webhooks: Webhooks,
    ) -> None:
        self._storage = storage
        self._book = book
        self._activity = activity
        self._incidents = incidents
        self._webhooks = webhooks
        self._pending: deque[Happened] = deque()
        self._wake = asyncio.Event()
        self._position = 0
        """The last entry of the activity that was taken."""
        events.listen(RigAdded, lambda one: self._rig("rig.added", one))
        events.listen(RigRenamed, lambda one: self._rig("rig.renamed", one))
        events.listen(RigRemoved, lambda one: self._rig("rig.removed", one))
        events.listen(ConditionChanged, self._condition_changed)
        events.listen(CommandEnded, self._command_ended)
        hub.subscribe(self, ACTIVITY, (ALL,))

    async def load(self) -> None:
        """How far the activity was taken; once, after the webhooks were read."""
        async with self._storage.read() as tx:
            kept = await get_meta(tx, POSITION) if self._webhooks.webhooks else None
        known = kept is not None and kept.isdigit()
        self._position = int(kept or 0) if known else await self._newest()
        self._wake.set()

    async def close(self) -> None:
        """What happened until now is stored."""
        if self._pending:
            await self._store()

    async def run(self, part: Part) -> None:
        """Store what happens, until cancelled."""
        while True:
            part.idle()
            await self._wake.wait()
            part.beat()
            await asyncio.sleep(TOGETHER_S)
            self._wake.clear()
            try:
                await self._store()
                part.trouble = None
            except SQLAlchemyError as error:
                part.trouble = TROUBLE
                self._wake.set()
                log.error("events for webhooks could not be stored; trying again", error=str(error))
                await asyncio.sleep(1.0)

    # What happens

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """There are new entries of the activity."""
        del channel, key, event, payload
        self._wake.set()

    def channel_closed(self, channel: str) -> None:
        """It never is."""
        del channel

    def _rig(self, kind: EventType, one: RigAdded | RigRenamed | RigRemoved) -> None:
        before = one.before if isinstance(one, RigRenamed) else ""
        self._add(kind, lambda: RigData(one.rig_id, one.kind, one.name, before))

    def _condition_changed(self, one: ConditionChanged) -> None:
        self._add(
            "rig.state_changed",
            lambda: StateData(
                one.rig_id,
                one.kind,
                self._name(one.rig_id),
                one.before,
                one.state,
                one.reason,
                one.severity,
                one.maintenance,
            ),
        )

    def _command_ended(self, one: CommandEnded) -> None:
        name = self._name(one.rig_id)
        self._add(
            "command.ended", lambda: CommandData(one.rig_id, name, one.command_id, one.title, one.state, one.detail)
        )

    def _name(self, rig_id: int) -> str:
        rig = self._book.rigs.get(rig_id)
        return "" if rig is None else rig.name

    def _add(self, kind: EventType, data: Callable[[], object]) -> None:
        if not self._webhooks.wanted(kind):
            return
        if len(self._pending) >= MAX_PENDING:
            self._incidents.note("webhooks", f"had {MAX_PENDING} events to store", "newer ones are not sent")
            return
        self._pending.append(Happened(kind, utc_ms(), data()))
        self._wake.set()

    # Into the database

    async def _store(self) -> None:
        entries, position = await self._new_entries()
        taken = list(self._pending)[:AT_ONCE]
        if self._webhooks.webhooks and (taken or position != self._position):
            async with self._storage.begin() as tx:
                found = await self._webhooks.put(tx, [*taken, *entries])
                await set_meta(tx, POSITION, str(position))
            self._webhooks.committed(found)
        for _ in taken:
            self._pending.popleft()
        self._position = position
        if self._pending:
            self._wake.set()

    async def _new_entries(self) -> tuple[list[Happened], int]:
        """Oldest first, and up to which they are."""
        if not self._webhooks.wanted("activity.recorded"):
            return [], await self._newest()
        new = await self._activity.since(self._position, AT_ONCE)
        if len(new) == AT_ONCE:
            self._wake.set()  # there may be more
        events = [Happened("activity.recorded", one.draft.at, entry_answer(one)) for one in new]
        return events, new[-1].id if new else self._position

    async def _newest(self) -> int:
        return next((one.id for one in await self._activity.entries(Query(), 1)), 0)
