"""The live side of the rig pages: which channels each follows, and how changes become frames."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType

from rigfarm.commander import channels
from rigfarm.commander.channels import TOTALS
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.routes import Factory
from rigfarm.commander.live.session import Changes
from rigfarm.commander.rigs.broadcasts import CHIPS
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import ChartData, new_points
from rigfarm.commander.rigs.view.regions import Regions
from rigfarm.commander.rigs.view.shown import Shown, moves
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]

MOVED_EVERY_S = 2.0
"""How often a page looks whether its rows would be sorted otherwise now."""
MAX_NOTICES = 10
SPARKS_EVERY_S = 60.0
"""How often a page asks for sparklines of its rows, most of which are drawn already."""
SPARKS_S = 2.0
"""How long the first frame of a page that is painted already waits for them."""
CHARTS_EVERY_S = 20.0
"""How often charts of a range that ends now are read again from history."""
_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


def register_live_pages(routes: PageRoutes, shown: Shown, regions: Regions) -> None:
    """The overview, both indexes, and every rig's page."""
    routes.add(r"/", _overview_factory(shown, regions))
    for kind in KINDS:
        routes.add(KINDS[kind].path, _index_factory(kind, shown, regions))
        routes.add(rf"{KINDS[kind].path}/(?P<id>\d{{1,15}})", _detail_factory(kind, shown, regions))


def _index_factory(kind: KindName, shown: Shown, regions: Regions) -> Factory:
    def factory(_path: Mapping[str, str], params: Mapping[str, str]) -> LiveIndex:
        return LiveIndex(shown, regions, IndexQuery.parse(kind, params))

    return factory


def _detail_factory(kind: KindName, shown: Shown, regions: Regions) -> Factory:
    def factory(path: Mapping[str, str], params: Mapping[str, str]) -> LiveDetail:
        shown.span(params)
        return LiveDetail(shown, regions, kind, int(path["id"]), params)

    return factory


def _overview_factory(shown: Shown, regions: Regions) -> Factory:
    def factory(_path: Mapping[str, str], params: Mapping[str, str]) -> LiveOverview:
        shown.farm_span(params)
        return LiveOverview(shown, regions, params)

    return factory


class LiveIndex:
    """An index: the rows in view, the totals, who waits."""

    pause_s = 0.0

    def __init__(self, shown: Shown, regions: Regions, query: IndexQuery) -> None:
        self._shown = shown
        self._regions = regions
        self._query = query
        self._ids: list[int] = []
        self._moved = 0
        self._look_at = 0.0
        self._sparks_at = 0.0
        self._session: PageSession | None = None

    def open(self, session: PageSession) -> None:
        """Follow the index; the rows follow with the snapshot."""
        self._session = session
        session.follow(channels.index(self._query.kind), {ALL})
        session.follow(channels.VIEWS, {ALL})

    def urgent(self, channel: str) -> bool:
        """Rigs that come and go are shown at once."""
        return channel in (channels.index(self._query.kind), channels.VIEWS)

    async def snapshot(self) -> list[str]:
        """The whole page."""
        await self._shown.rig_list.prepare(self._query)
        await self._sparks(SPARKS_S)
        page, selection = self._shown.index(self._query)
        self._ids = selection.ids
        self._moved = 0
        assert self._session is not None
        keys: set[Hashable] = {TOTALS, *selection.ids}
        self._session.follow(channels.operation_stats_index(self._query.kind), keys)
        return [self._regions.whole_index(page), event("snapshot")]

    async def render(self, changes: Changes) -> list[str]:
        """Rows that changed, totals; everything again when rigs came or went."""
        rigs = channels.index(self._query.kind)
        came_or_went = [
            (what, rig) for (channel, _), (what, rig) in changes.items() if channel == rigs and what != "updated"
        ]
        if came_or_went or any(channel == channels.VIEWS for channel, _ in changes):
            return [*await self.snapshot(), *self._first_reports(came_or_went)]
        await self._shown.rig_list.prepare(self._query)
        if time.monotonic() >= self._sparks_at:
            await self._sparks(0.0)
        frames: list[str] = []
        known = self._shown.stats.rigs
        rows = [
            morph(f"rig-{key}", self._shown.row(key, self._query.columns))
            for _, key in changes
            if isinstance(key, int) and key in known and key in self._ids
        ]
        if any(key == TOTALS for _, key in changes):
            rows.append(self._around())
        if rows:
            frames.append("".join(rows))
        return [*frames, *self._look()]

    async def _sparks(self, within_s: float) -> None:
        self._sparks_at = time.monotonic() + SPARKS_EVERY_S
        await self._shown.prepare_sparks(self._query, within_s)

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
        """Say when rows would be sorted otherwise now; they never move by themselves."""
        now = time.monotonic()
        if now < self._look_at:
            return []
        started = time.perf_counter()
        ids = self._shown.rig_list.select(self._query).ids
        self._look_at = now + max(MOVED_EVERY_S, 100 * (time.perf_counter() - started))
        moved = len(set(ids) - set(self._ids)) or sum(a != b for a, b in zip(ids, self._ids, strict=False))
        if moved == self._moved:
            return []
        self._moved = moved
        return [event("moved", count=moved)]

    async def hear(self, message: Mapping[str, object]) -> None:
        """`{"refresh": true}`: the viewer wants the order of this moment."""
        if message.get("refresh") and self._session is not None:
            self._session.refresh()


class LiveDetail:
    """One rig's page."""

    pause_s = 0.0

    def __init__(
        self, shown: Shown, regions: Regions, kind: KindName, rig_id: int, params: Mapping[str, str] = _NO_PARAMS
    ) -> None:
        self._shown = shown
        self._regions = regions
        self._kind = kind
        self._rig_id = rig_id
        self._params = params
        self._read_at = 0.0
        """When charts of a range that ends now were last read."""
        self._name = ""
        """That the tab says."""
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
        self._name = rig.name
        asked = self._shown.span(self._params)
        page = await self._shown.detail(self._rig_id, charts=True, asked=asked)
        self._charts = page.charts
        self._read_at = time.monotonic()
        self._last_t = page.charts.t[-1] if page.charts is not None and page.charts.t else 0
        panel = await self._shown.panel_html(self._rig_id)
        html = self._regions.whole_detail(page, panel, self._shown.range_of_rig(rig, asked))
        frames = [html, event("snapshot"), event("title", name=rig.name)]
        if page.charts is not None:
            frames.append(event("points", data=page.charts))
        return frames

    async def render(self, changes: Changes) -> list[str]:
        """The numbers again, and one more point on the charts."""
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
            html += self._regions.joined(self._shown.join(self._shown.book.rigs[self._rig_id]))
        return [html, *self._renamed(), *self._notices(changes), *await self._points()]

    def _renamed(self) -> list[str]:
        """The tab says what the rig is called now."""
        before, self._name = self._name, self._shown.book.rigs[self._rig_id].name
        return [] if self._name == before else [event("title", name=self._name)]

    def _notices(self, changes: Changes) -> list[str]:
        """What other parts have to say of what happened: how a command ended."""
        said = [
            tell(key, payload)
            for (channel, key), (_, payload) in changes.items()
            if channel == channels.rig(self._kind, self._rig_id)
            for tell in self._shown.notices
        ]
        return [event("notice", text=one[0], level=one[1]) for one in said if one is not None][:MAX_NOTICES]

    async def _points(self) -> list[str]:
        asked = self._shown.span(self._params)
        if not moves(asked):
            now = time.monotonic()
            if not asked.span.ends_now or now - self._read_at < CHARTS_EVERY_S:
                return []
            self._read_at = now
            return [event("points", data=await self._shown.charts(self._rig_id, asked))]
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
        return event("gone", url=KINDS[self._kind].path, notice=f"{name} was removed.")

    async def hear(self, message: Mapping[str, object]) -> None:
        """A rig's page says nothing."""


class LiveOverview:
    """The main dashboard."""

    pause_s = 0.0

    def __init__(self, shown: Shown, regions: Regions, params: Mapping[str, str] = _NO_PARAMS) -> None:
        self._shown = shown
        self._regions = regions
        self._params = params
        self._read_at = 0.0

    def open(self, session: PageSession) -> None:
        """Follow both kinds."""
        for kind in KINDS:
            session.follow(channels.index(kind), {ALL})
            session.follow(channels.operation_stats_index(kind), {TOTALS})
        session.follow(channels.INCIDENTS, {ALL})
        session.follow(channels.ALERTS, {ALL})

    def urgent(self, channel: str) -> bool:
        """Rigs that come and go are shown at once."""
        return channel in {channels.index(kind) for kind in KINDS}

    async def snapshot(self) -> list[str]:
        """The whole page."""
        return [
            self._regions.overview(self._shown.overview()),
            event("snapshot"),
            *await self._points(),
        ]

    async def render(self, changes: Changes) -> list[str]:
        """The whole page, which is small; its charts now and then."""
        frames = [self._regions.overview(self._shown.overview())]
        due = self._shown.farm_span(self._params).span.ends_now and time.monotonic() - self._read_at >= CHARTS_EVERY_S
        return [*frames, *(await self._points() if due else [])]

    async def _points(self) -> list[str]:
        """The charts, read from history."""
        self._read_at = time.monotonic()
        charts = await self._shown.farm_charts(self._shown.farm_span(self._params))
        return [] if charts is None else [event("points", data=charts)]

    async def hear(self, message: Mapping[str, object]) -> None:
        """The overview says nothing."""
