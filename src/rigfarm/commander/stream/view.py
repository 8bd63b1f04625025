"""What the stream says of rigs, alerts and activity: the rows of their lists in the API, as events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable

from msgspec import Struct

from rigfarm.commander import channels
from rigfarm.commander.activity.actions import Activity
from rigfarm.commander.activity.api import entry_answer
from rigfarm.commander.activity.broadcasts import ACTIVITY
from rigfarm.commander.activity.model import Query
from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.api import alert_answer
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import RigBook
from rigfarm.commander.rigs.view.answers import rig_answer
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stream.model import Feed, encoded, event

__all__ = ["ActivityFeed", "AlertFeed", "RigFeed", "RigRows"]

AT_ONCE = 100
"""Rows between which other work of the Commander has its turn."""
RECENT_ENTRIES = 20
"""Of the activity, in a snapshot."""
MAX_ENTRIES = 500
"""Of the activity, in one round of changes."""


class _Gone(Struct):
    id: int


def _gone(name: str, number: int) -> bytes:
    return event(name, encoded(_Gone(number)))


class RigRows:
    """Rigs as events, encoded once per change for all feeds and readers: the same change is the same object."""

    def __init__(self, book: RigBook, stats: OperationalStats) -> None:
        self.book = book
        self._stats = stats
        self._rows: dict[int, tuple[int, int, bytes]] = {}

    def get(self, rig_id: int) -> bytes | None:
        """The event `rig`; None when there is no such rig any more."""
        rig, stats = self.book.rigs.get(rig_id), self._stats.rigs.get(rig_id)
        if rig is None or stats is None:
            self._rows.pop(rig_id, None)
            return None
        found = self._rows.get(rig_id)
        if found is not None and found[:2] == (rig.revision, stats.version):
            return found[2]
        row = event("rig", encoded(rig_answer(rig, stats)))
        if found is not None and found[2] == row:
            row = found[2]
        self._rows[rig_id] = (rig.revision, stats.version, row)
        return row

    def clear(self) -> None:
        """No one reads them."""
        self._rows.clear()


class RigFeed(Feed):
    """Rigs of one kind or of both that a search finds."""

    def __init__(self, hub: Hub, rows: RigRows, rig_list: RigList, kind: KindName | None, search: str) -> None:
        kinds = (kind,) if kind else tuple(KINDS)
        super().__init__(hub, [of(one) for one in kinds for of in (channels.index, channels.operation_stats_index)])
        self._rows = rows
        self._rig_list = rig_list
        self._kinds = kinds
        self._wanted = parse(search)
        self._shown: dict[int, bytes] = {}
        """The row that readers have of each rig."""
        self._dirty: set[int] = set()

    async def prepare(self) -> None:
        """Find the rigs that match."""
        self._dirty.update(self._all())
        await super().prepare()

    def again(self) -> None:
        """A search may be about time, such as `seen>10m`."""
        if self._wanted:
            self._dirty.update(self._all(), self._shown)
            super().again()

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """A rig changed; totals are not rigs."""
        if isinstance(key, int):
            self._dirty.add(key)
            self._wake.set()

    async def snapshot(self) -> AsyncIterator[bytes]:
        """Every row. A rig that goes meanwhile is among the changes that follow."""
        ids = list(self._shown)
        for start in range(0, len(ids), AT_ONCE):
            rows = [self._shown.get(rig_id) for rig_id in ids[start : start + AT_ONCE]]
            yield b"".join(row for row in rows if row is not None)
            await asyncio.sleep(0)

    async def changes(self) -> bytes:
        """Rows that are different, and rigs that went or no longer match."""
        dirty, self._dirty = self._dirty, set()
        pieces: list[bytes] = []
        for number, rig_id in enumerate(dirty, 1):
            row = self._rows.get(rig_id) if self._rig_list.matches(rig_id, self._wanted) else None
            if row is None:
                if self._shown.pop(rig_id, None) is not None:
                    pieces.append(_gone("rig-removed", rig_id))
            elif self._shown.get(rig_id) is not row:
                self._shown[rig_id] = row
                pieces.append(row)
            if not number % AT_ONCE:
                await asyncio.sleep(0)
        return b"".join(pieces)

    def _all(self) -> Iterable[int]:
        return [rig.id for kind in self._kinds for rig in self._rows.book.of_kind(kind)]


class AlertFeed(Feed):
    """Open alerts."""

    def __init__(self, hub: Hub, alerts: Alerts) -> None:
        super().__init__(hub, [channels.ALERTS])
        self._alerts = alerts
        self._shown: dict[int, bytes] = {}

    async def snapshot(self) -> AsyncIterator[bytes]:
        """All that are open."""
        yield b"".join(self._shown.values())

    async def changes(self) -> bytes:
        """Those that are different, and those that were resolved."""
        now: dict[int, bytes] = {}
        for number, alert in enumerate(self._alerts.open, 1):
            now[alert.id] = event("alert", encoded(alert_answer(alert)))
            if not number % AT_ONCE:
                await asyncio.sleep(0)
        before, self._shown = self._shown, now
        changed = [row for alert_id, row in now.items() if before.get(alert_id) != row]
        return b"".join([*changed, *(_gone("alert-resolved", one) for one in before.keys() - now.keys())])


class ActivityFeed(Feed):
    """The activity: its last entries, then new ones."""

    def __init__(self, hub: Hub, activity: Activity) -> None:
        super().__init__(hub, [ACTIVITY])
        self._activity = activity
        self._last = 0
        self._recent: list[bytes] = []

    async def snapshot(self) -> AsyncIterator[bytes]:
        """The last ones, oldest first."""
        yield b"".join(self._recent)

    async def changes(self) -> bytes:
        """New ones, oldest first."""
        if self._last:
            found = await self._activity.since(self._last, MAX_ENTRIES)
        else:
            found = [*reversed(await self._activity.entries(Query(), RECENT_ENTRIES))]
        if len(found) == MAX_ENTRIES:
            self._wake.set()  # there may be more
        new = [event("activity", encoded(entry_answer(one))) for one in found]
        self._last = found[-1].id if found else self._last
        self._recent = [*self._recent, *new][-RECENT_ENTRIES:]
        return b"".join(new)
