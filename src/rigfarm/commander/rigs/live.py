"""The live side of the rig pages: which channels each follows, and how changes become frames."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence

from rigfarm.commander import channels
from rigfarm.commander.channels import TOTALS, Kind
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.routes import Factory
from rigfarm.commander.live.session import Changes
from rigfarm.commander.rigs.broadcasts import CHIPS
from rigfarm.commander.rigs.model import KINDS, Rig
from rigfarm.commander.rigs.query import IndexQuery
from rigfarm.commander.rigs.regions import Regions
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.rigs.view import PATHS, ChartData, new_points
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]

MOVED_EVERY_S = 2.0
"""How often a page looks whether its order would be another now."""
MAX_NOTICES = 10


def register_live_pages(routes: PageRoutes, shown: Shown, regions: Regions) -> None:
    """The overview, both indexes, and every rig's page."""
    routes.add(r"/", lambda _path, _params: LiveOverview(shown, regions))
    for kind in KINDS:
        routes.add(PATHS[kind], _index_factory(kind, shown, regions))
        routes.add(rf"{PATHS[kind]}/(?P<id>\d{{1,15}})", _detail_factory(kind, shown, regions))


def _index_factory(kind: Kind, shown: Shown, regions: Regions) -> Factory:
    return lambda _path, params: LiveIndex(shown, regions, IndexQuery.parse(kind, params))


def _detail_factory(kind: Kind, shown: Shown, regions: Regions) -> Factory:
    return lambda path, _params: LiveDetail(shown, regions, kind, int(path["id"]))


class LiveIndex:
    """An index: the rows in view, the totals, who waits."""

    def __init__(self, shown: Shown, regions: Regions, query: IndexQuery) -> None:
        self._shown = shown
        self._regions = regions
        self._query = query
        self._ids: list[int] = []
        self._moved = 0
        self._look_at = 0.0
        self._session: PageSession | None = None

    def open(self, session: PageSession) -> None:
        """Follow the index; the rows follow with the snapshot."""
        self._session = session
        session.follow(channels.index(self._query.kind), {ALL})

    def urgent(self, channel: str) -> bool:
        """Rigs that come and go are shown at once."""
        return channel == channels.index(self._query.kind)

    async def snapshot(self) -> list[str]:
        """The whole page."""
        page, selection = self._shown.index(self._query)
        self._ids = selection.ids
        self._moved = 0
        assert self._session is not None
        keys: set[Hashable] = {TOTALS, *selection.ids}
        self._session.follow(channels.operation_stats_index(self._query.kind), keys)
        return [self._regions.whole_index(page), event("snapshot"), self._title()]

    async def render(self, changes: Changes) -> list[str]:
        """Rows that changed, totals; everything anew when rigs came or went."""
        rigs = channels.index(self._query.kind)
        came_or_went = [
            (what, rig) for (channel, _), (what, rig) in changes.items() if channel == rigs and what != "updated"
        ]
        if came_or_went:
            return [*await self.snapshot(), *self._first_reports(came_or_went)]
        frames: list[str] = []
        known = self._shown.stats.rigs
        rows = [
            morph(f"rig-{key}", self._shown.row(key))
            for _, key in changes
            if isinstance(key, int) and key in known and key in self._ids
        ]
        if any(key == TOTALS for _, key in changes):
            rows.append(self._around())
        if rows:
            frames.append("".join(rows))
        return [*frames, *self._look()]

    def _first_reports(self, changes: Sequence[tuple[str, object]]) -> list[str]:
        """A waiting rig reported: its dialog turns green, and a notice says so."""
        frames = []
        for what, rig in changes:
            if what == "created" and isinstance(rig, Rig) and rig.first_seen_at is not None:
                frames.append(self._regions.joined(self._shown.join(rig)))
                frames.append(event("notice", text=f"{rig.name} reports for the first time.", level="success"))
        return frames[:MAX_NOTICES]

    def _around(self) -> str:
        """Totals and the filters' numbers, rendered once for all pages that show the same view."""
        return self._shown.around(self._query, self._regions.index)

    def _look(self) -> list[str]:
        """Say when the order would be another now; rows never move by themselves."""
        now = time.monotonic()
        if now < self._look_at:
            return []
        started = time.perf_counter()
        ids = self._shown.rig_list.select(self._query).ids
        self._look_at = now + max(MOVED_EVERY_S, 100 * (time.perf_counter() - started))
        moved = len(set(ids) - set(self._ids)) or sum(a != b for a, b in zip(ids, self._ids, strict=False))
        if moved == self._moved:
            return [self._title()]
        self._moved = moved
        return [event("moved", count=moved), self._title()]

    def _title(self) -> str:
        return event("title", sick=sick(self._shown))

    async def hear(self, message: Mapping[str, object]) -> None:
        """`{"refresh": true}`: the viewer wants the order of this moment."""
        if message.get("refresh") and self._session is not None:
            self._session.refresh()


class LiveDetail:
    """One rig's page."""

    def __init__(self, shown: Shown, regions: Regions, kind: Kind, rig_id: int) -> None:
        self._shown = shown
        self._regions = regions
        self._kind = kind
        self._rig_id = rig_id
        self._charts: ChartData | None = None
        self._last_t = 0
        self._session: PageSession | None = None

    def open(self, session: PageSession) -> None:
        """Follow the rig and its operation."""
        self._session = session
        session.follow(channels.rig(self._kind, self._rig_id), {ALL})
        session.follow(channels.operation_stats(self._kind, self._rig_id), {ALL})

    def urgent(self, channel: str) -> bool:
        """The rig's own changes are shown at once."""
        return channel == channels.rig(self._kind, self._rig_id)

    async def snapshot(self) -> list[str]:
        """The whole page with its charts; or the way to the index when the rig is no more."""
        rig = self._shown.book.rigs.get(self._rig_id)
        if rig is None or rig.kind != self._kind:
            return [self._gone("This rig")]
        page = await self._shown.detail(self._rig_id, charts=True)
        self._charts = page.charts
        self._last_t = page.charts.t[-1] if page.charts is not None and page.charts.t else 0
        panel = await self._shown.panel_html(self._rig_id)
        frames = [self._regions.whole_detail(page, panel), event("snapshot"), event("title", sick=sick(self._shown))]
        if page.charts is not None:
            frames.append(event("points", data=page.charts))
        return frames

    async def render(self, changes: Changes) -> list[str]:
        """The numbers anew, and one more point on the charts."""
        for (channel, _), (what, rig) in changes.items():
            if what == "deleted" and channel == channels.rig(self._kind, self._rig_id):
                return [self._gone(getattr(rig, "name", "This rig"))]
        if self._rig_id not in self._shown.book.rigs:
            return [self._gone("This rig")]
        if self._charts is None and self._shown.stats.rigs[self._rig_id].log is not None:
            return await self.snapshot()
        if all(key == CHIPS for _, key in changes):
            return [self._regions.chips(self._shown.heat(self._rig_id))]
        page = await self._shown.detail(self._rig_id, charts=False)
        html = self._regions.detail(page)
        if any(key == CHIPS for _, key in changes):
            html += self._regions.chips(self._shown.heat(self._rig_id))
        if any(channel == channels.rig(self._kind, self._rig_id) for channel, _ in changes):
            html += self._regions.name(page.name, page.href) + self._regions.actions(page)
            html += self._regions.panel(await self._shown.panel_html(self._rig_id))
        return [html, *self._notices(changes), *await self._points()]

    def _notices(self, changes: Changes) -> list[str]:
        """What other parts have to say of what happened: how an order ended."""
        said = [
            tell(key, payload)
            for (channel, key), (_, payload) in changes.items()
            if channel == channels.rig(self._kind, self._rig_id)
            for tell in self._shown.notices
        ]
        return [event("notice", text=one[0], level=one[1]) for one in said if one is not None][:MAX_NOTICES]

    async def _points(self) -> list[str]:
        log = self._shown.stats.rigs[self._rig_id].log
        if log is None or self._charts is None or log.t <= self._last_t:
            return []
        self._last_t = log.t
        values = new_points(log, self._charts)
        if values is not None:
            return [event("points", t=log.t, values=values)]
        self._charts = await self._shown.charts(self._rig_id)
        return [event("points", data=self._charts)]

    def _gone(self, name: str) -> str:
        return event("gone", url=PATHS[self._kind], notice=f"{name} was removed.")

    async def hear(self, message: Mapping[str, object]) -> None:
        """A rig's page says nothing."""


class LiveOverview:
    """The main dashboard."""

    def __init__(self, shown: Shown, regions: Regions) -> None:
        self._shown = shown
        self._regions = regions

    def open(self, session: PageSession) -> None:
        """Follow both kinds."""
        for kind in KINDS:
            session.follow(channels.index(kind), {ALL})
            session.follow(channels.operation_stats_index(kind), {TOTALS})
        session.follow(channels.INCIDENTS, {ALL})

    def urgent(self, channel: str) -> bool:
        """Rigs that come and go are shown at once."""
        return channel in {channels.index(kind) for kind in KINDS}

    async def snapshot(self) -> list[str]:
        """The whole page."""
        return [
            self._regions.overview(self._shown.overview()),
            event("snapshot"),
            event("title", sick=sick(self._shown)),
        ]

    async def render(self, changes: Changes) -> list[str]:
        """The whole page: it is small."""
        return [self._regions.overview(self._shown.overview()), event("title", sick=sick(self._shown))]

    async def hear(self, message: Mapping[str, object]) -> None:
        """The overview says nothing."""


def sick(shown: Shown) -> dict[str, int]:
    """Rigs that need somebody, by page of the top bar."""
    totals = shown.stats.totals
    return {
        page: sum(totals[kind].states[word] for word in ("degraded", "idle", "offline"))
        for page, kind in (("rigs", KINDS[0]), ("asics", KINDS[1]))
    }
