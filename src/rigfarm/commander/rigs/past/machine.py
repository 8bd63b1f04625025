"""The time machine: pages as they were at another time, from history. It never touches the farm of now."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.history import FarmThen, Happened, HistoryUnavailable, StateWas, TimeRange, moment_of
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.past.farm import PastBook, past_farm
from rigfarm.commander.rigs.view.answers import PastAnswer
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.stats import FarmStats
from rigfarm.commander.stats.condition import UP
from rigfarm.commander.stats.rig_stats import HAPPENINGS, Happening
from rigfarm.common.clock import iso, moment, utc_ms

__all__ = ["PastBand", "Then", "TimeMachine"]

KEPT_FARMS, KEPT_RIGS = 2, 20
"""Moments in memory: of the whole farm, and of one rig."""
GROWS_FOR_S = 10.0
"""So long a moment is kept of which history does not know everything yet."""
FEW = 200
"""Rigs, of one page for example, that are read at once."""
MAX_WAITING = 10
"""Moments that are read one after the other."""
STEPS = {"−1 min": -60_000, "−10 s": -10_000, "+10 s": 10_000, "+1 min": 60_000}
BY_MINUTE = "Logs of that time are no longer kept: figures are means of the minute."
EVENTS_MS = 24 * 3_600_000
MAX_EVENTS = 20


class PastBand(Struct, frozen=True):
    """What stands above a page of another time."""

    at_iso: str
    at_ms: int
    said: str
    steps: tuple[tuple[str, str], ...]
    """Labels and links."""
    now: str
    """The page as it is now."""
    notes: tuple[str, ...]


class Then(Struct, frozen=True):
    """The farm at a moment."""

    t_ms: int
    shown: Shown
    book: PastBook
    notes: tuple[str, ...]
    brief: set[int]
    """Rigs of which only the state, the name and the share of the totals are known yet."""
    old_at: float = float("inf")
    """On the steady clock: when it is to be read again."""
    resolution_s: float = 0.0
    """Figures are of a rig's last log, and it reported so often; or means of so many seconds."""

    @property
    def at(self) -> str:
        """The moment as links say it."""
        return iso(self.t_ms)

    @property
    def answer(self) -> PastAnswer:
        """What the API says of it."""
        return PastAnswer(moment(self.t_ms), self.resolution_s, self.notes)

    def band(self, path: str, params: Mapping[str, str]) -> PastBand:
        """For a page with these parameters."""
        others = {name: text for name, text in params.items() if name != "at"}

        def link(t_ms: int) -> str:
            return f"{path}?{urlencode({**others, 'at': iso(t_ms)})}"

        return PastBand(
            self.at,
            self.t_ms,
            datetime.fromtimestamp(self.t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            tuple((label, link(self.t_ms + step)) for label, step in STEPS.items()),
            path + (f"?{urlencode(others)}" if others else ""),
            self.notes,
        )


class TimeMachine:
    """On the event loop; reading and reckoning are done in history's threads, one whole farm at a time."""

    def __init__(self, shown: Shown) -> None:
        """`shown` is the farm of now."""
        self._shown = shown
        self._kept: OrderedDict[tuple[int, int | None], Then] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def at(self, text: str, rig_id: int | None = None, *, brief: bool = False) -> Then:
        """The farm at a time, or one rig with what had happened to it. `brief`: more of a rig is asked for by `know`.
        NotUnderstood, HistoryUnavailable."""
        now_ms = utc_ms()
        asked_ms = moment_of("at", text, now_ms)
        if asked_ms > now_ms:
            raise NotUnderstood("at must be a time in the past.")
        t_ms = -(-asked_ms // 1000) * 1000  # the next whole second: what happened at that time has happened
        key = (t_ms, rig_id)
        if (known := self._known(key)) is None:
            async with self._in_turn():
                if (known := self._known(key)) is None:
                    known = self._kept[key] = await self._made(t_ms, rig_id)
                    self._forget()
        if not brief:
            await self.know(known)
        return known

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise HistoryUnavailable("Too many other moments are being read. Try again in some seconds.")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def know(self, then: Then, rigs: Iterable[int] | None = None) -> None:
        """Read all that is not known yet of these rigs, or of every rig. HistoryUnavailable."""
        wanted = set(then.brief) if rigs is None else then.brief.intersection(rigs)
        if len(wanted) <= FEW:
            await self._read(then, wanted)
        else:
            async with self._in_turn():
                await self._read(then, wanted & then.brief)
        if rigs is None and wanted:
            then.book.revision += 1

    async def know_reasons(self, then: Then) -> None:
        """Read the logs of those of which a log may say more than their state did when it began. HistoryUnavailable."""
        some = ((rig, then.shown.stats.rigs[rig].condition) for rig in then.brief)
        await self.know(then, [rig for rig, one in some if one.state in UP and (one.state != "online" or one.reason)])

    async def _read(self, then: Then, rigs: set[int]) -> None:
        if not rigs:
            return
        found = await self._shown.history.then(then.t_ms, rigs)
        book, stats = await asyncio.to_thread(self._past, found)
        then.book.rigs |= book.rigs
        then.shown.stats.rigs |= stats.rigs
        then.brief.difference_update(rigs)

    def _past(self, found: FarmThen) -> tuple[PastBook, FarmStats]:
        return past_farm(found, dict(self._shown.book.rigs), self._shown.stats.interval_s)

    async def found(self, then: Then, queries: Iterable[IndexQuery]) -> list[int]:
        """Every rig that these find, one query after the other; those that have never reported only where they are
        asked for. HistoryUnavailable."""
        listed: list[int] = []
        for query in queries:
            if query.reads_logs:
                await self.know(then)
            listed += await asyncio.to_thread(then.shown.rig_list.with_waiting, query)
        return listed

    async def index(self, then: Then, query: IndexQuery) -> None:
        """Read what an index shows. HistoryUnavailable."""
        if query.reads_logs:
            await self.know(then)
        selection = await asyncio.to_thread(then.shown.rig_list.select, query)
        await self.know(then, selection.ids)

    def _known(self, key: tuple[int, int | None]) -> Then | None:
        known = self._kept.get(key)
        if known is not None and known.old_at <= time.monotonic():
            del self._kept[key]
            return None
        return known

    def _forget(self) -> None:
        for most, whole in ((KEPT_FARMS, True), (KEPT_RIGS, False)):
            some = [key for key in self._kept if (key[1] is None) is whole]
            for key in some[:-most]:
                del self._kept[key]

    async def _made(self, t_ms: int, rig_id: int | None) -> Then:
        live = self._shown
        history = live.history
        found = await history.then(t_ms, None if rig_id is None else [rig_id], brief=rig_id is None)
        book, stats = await asyncio.to_thread(self._past, found)
        if rig_id is not None and rig_id in stats.rigs:
            before = TimeRange(max(t_ms - EVENTS_MS, 0), t_ms + 1, "", "")
            events = await history.happened(before, [rig_id], ("state",), MAX_EVENTS)
            stats.rigs[rig_id].happenings = deque(filter(None, map(_happening, events)), HAPPENINGS)
        notes = []
        if not found.ran:
            notes.append("The Commander was not running then: what you see arrived later.")
        if t_ms > found.until_ms:
            known = datetime.fromtimestamp(found.until_ms / 1000, UTC).strftime("%H:%M:%S UTC")
            notes.append(f"History has logs up to {known}, and shows these: later ones follow within ten minutes.")
        if found.by_minute:
            notes.append(BY_MINUTE)
        resolution_s = 60.0 if found.by_minute else live.stats.interval_s
        old_at = time.monotonic() + GROWS_FOR_S if t_ms > found.until_ms else float("inf")
        return Then(t_ms, live.at(t_ms, book, stats), book, tuple(notes), set(found.brief), old_at, resolution_s)


def _happening(one: Happened) -> Happening | None:
    fact = one.fact
    return Happening(one.t_ms, fact.state, fact.reason) if isinstance(fact, StateWas) else None
