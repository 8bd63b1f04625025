"""What rig pages show, from what the Commander knows. Pages and live sessions ask here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from math import inf

from jinja2 import Environment, Template
from markupsafe import Markup
from msgspec.structs import replace

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.history import Course, History, HistoryUnavailable, TimeRange
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import RecentRows
from rigfarm.commander.noun import Notice, RemovalEffect, RenameEffect
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.boards.chips import Chips
from rigfarm.commander.rigs.listing.query import IndexQuery, Selection
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Rig, RigBook
from rigfarm.commander.rigs.view.charts import Moment
from rigfarm.commander.stats import FarmStats
from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import Unit

__all__ = ["Shown", "moves"]

_Version = tuple[int, int, tuple[Unit | None, ...], str]
KEPT_VIEWS = 200
RIG_RANGE = "-1h"
"""What charts of a rig show first, and those of the farm."""
FARM_RANGE = "-24h"
MAX_MARKS = 200
TOTALS_FOR_S = 0.2
"""All pages of a kind share a rendering of the totals that is at most this old."""


class Shown:
    """View models and shared fragments. Rows are rendered once per change of their rig, for all viewers."""

    def __init__(
        self,
        templates: Environment,
        book: RigBook,
        stats: FarmStats,
        rig_list: RigList,
        recent: RecentRows,
        history: History,
        address: Callable[[], JoinAddress],
        chips: Chips,
        *,
        bundles: Callable[[], Sequence[Bundle]] = tuple,
        circuits: Callable[[], tuple[str, ...]] = tuple,
        panel: Callable[[int], Awaitable[Markup]] | None = None,
        removal_effects: Sequence[RemovalEffect] = (),
        rename_effects: Sequence[RenameEffect] = (),
        notices: Sequence[Notice] = (),
        at_ms: int | None = None,
    ) -> None:
        """`bundles`: the self-contained Sentries that new rigs may fetch. Of other nouns: what `circuits` are called,
        what they show on a rig's page (`panel`: the element `#rig-playbooks`, by the rig's id), what ends with removed
        rigs, what a new name brings about, and what they say aloud to those on a rig's page. `at_ms`: it is another
        time, UTC ms."""
        self.templates = templates
        self.book = book
        self.stats = stats
        self.rig_list = rig_list
        self.recent = recent
        self.history = history
        self.address = address
        self.chips = chips
        self.bundles = bundles
        self.circuits = circuits
        self.panel = panel
        self.removal_effects = removal_effects
        self.rename_effects = rename_effects
        self.notices = notices
        self._at_ms = at_ms
        self.units: dict[KindName, view.CoinUnits] = {kind: view.CoinUnits() for kind in KINDS}
        self._row: Template = templates.get_template("rig_row.html")
        self._rows: dict[int, tuple[_Version, Markup]] = {}
        self._sparks = view.RowSparks(history, templates, at_ms)
        self._around: dict[IndexQuery, tuple[float, str]] = {}
        self._totals: dict[KindName, tuple[float, view.TotalsView]] = {}

    def at(self, t_ms: int, book: RigBook, stats: FarmStats) -> Shown:
        """The same of another time, of whose rigs these are the records and stats."""
        return Shown(
            self.templates,
            book,
            stats,
            RigList(book, stats, sorted_for_s=inf),
            self.recent,
            self.history,
            self.address,
            Chips(Hub(), book.rigs),
            at_ms=t_ms,
        )

    def _now_ms(self) -> int:
        return utc_ms() if self._at_ms is None else self._at_ms

    @property
    def _at(self) -> str:
        """How links say the time."""
        return iso(self._at_ms)

    # Rows

    def row(self, rig_id: int, columns: Sequence[str] = ()) -> Markup:
        """A rig's row as HTML, with these cells in this order; without any, with the usual ones."""
        return view.arranged(self._row_of(rig_id), columns)

    def _row_of(self, rig_id: int) -> Markup:
        """With every cell, rendered once for all who see it."""
        rig, stats = self.book.rigs[rig_id], self.stats.rigs[rig_id]
        units = self.units[rig.kind]
        day = self._sparks.get(rig_id)
        version = (rig.revision, stats.version, units.of_all(view.coins_of_row(stats.log)), day)
        found = self._rows.get(rig_id)
        if found is not None and found[0] == version:
            return found[1]
        made = view.row(rig, stats, units, self._now_ms(), day if self._sparks.on else None)
        html = Markup(self._row.render(row=made))  # noqa: S704 - autoescaped
        self._rows[rig_id] = (version, html)
        return html

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._rows.pop(rig_id, None)
        self._sparks.forget(rig_id)
        self.chips.forget(rig_id)

    # Pages

    def totals(self, kind: KindName) -> view.TotalsView:
        """The cards of a kind; following the coins' units on the way."""
        now = time.monotonic()
        found = self._totals.get(kind)
        if found is not None and now - found[0] < TOTALS_FOR_S:
            return found[1]
        totals = self.stats.totals[kind]
        self.units[kind].follow(totals.coins)
        made = view.totals_view(totals, kind, self.stats.days[kind].sparks(), self._at)
        self._totals[kind] = (now, made)
        return made

    def index(self, query: IndexQuery) -> tuple[view.IndexPage, Selection]:
        """The index page of a query, and which rigs are on it."""
        totals = self.totals(query.kind)
        selection = self.rig_list.select(query)
        page = view.index_page(
            query,
            selection,
            [self.row(rig_id, query.columns) for rig_id in selection.ids],
            totals,
            self.rig_list.waiting(query.kind),
            self.rig_list.coins(query.kind),
            self.rig_list.labels(query.kind),
            self._now_ms(),
            days=self._sparks.on,
            circuits=self.circuits(),
        )
        return page, selection

    async def prepare_sparks(self, query: IndexQuery, within_s: float) -> None:
        """Draw the sparklines of the rows that an index shows, as far as they are ready within a time."""
        await self._sparks.prepare([self.stats.rigs[rig_id] for rig_id in self.rig_list.select(query).ids], within_s)

    def around(self, query: IndexQuery, render: Callable[[view.IndexPage], str]) -> str:
        """What stands around an index' rows, rendered once for all pages that show the same view of it."""
        key = replace(query, page=1)
        now = time.monotonic()
        found = self._around.get(key)
        if found is None or now - found[0] >= TOTALS_FOR_S:
            if len(self._around) >= KEPT_VIEWS:
                self._around.clear()
            page, _ = self.index(replace(key, per_page=0))
            found = self._around[key] = (now, render(page))
        return found[1]

    def overview(self) -> view.OverviewPage:
        """The main dashboard."""
        rigs = self.book.rigs
        sick = [(rigs[rig_id], stats) for rig_id, stats in self.stats.rigs.items() if stats.condition.severity]
        sparks = {kind: day.sparks() for kind, day in self.stats.days.items()}
        return view.overview_page(self.stats.totals, sick, self._now_ms(), sparks, self._at)

    async def farm_charts(self, asked: view.Asked) -> view.ChartData | None:
        """Of the overview; None where no rig has ever reported."""
        if all(rig.heard_ms is None for rig in self.stats.rigs.values()):
            return None
        found = await self._of_history(asked, self.history.of_farm, view.farm_course, ())
        if not asked.span.ends_now or found.problem:
            return found
        samples = zip(*(lately.samples for lately in self.stats.lately.values()), strict=False)
        return view.with_latest(found, [(one[0].t_ms, view.values_of_totals(one)) for one in samples])

    def span(self, params: Mapping[str, str]) -> view.Asked:
        """The range that the parameters of a rig's page name."""
        return view.page_range(params, RIG_RANGE, utc_ms())

    def farm_span(self, params: Mapping[str, str]) -> view.Asked:
        """The range that the parameters of the overview name."""
        return view.page_range(params, FARM_RANGE, utc_ms())

    def range_of_rig(self, rig: Rig, asked: view.Asked) -> view.RangeView:
        """The bar above a rig's charts."""
        switches = {"devices": "Devices", "before": "Compare"}
        return view.range_view(asked, RIG_RANGE, f"{rig.of.path}/{rig.id}", {"rig": rig.id}, switches)

    def range_of_several(self, rigs: Sequence[Rig], asked: view.Asked, path: str) -> view.RangeView:
        """The bar above the charts of several rigs."""
        ids = ",".join(str(rig.id) for rig in rigs)
        return view.range_view(asked, FARM_RANGE, path, {"rigs": ids}, fixed={"rigs": ids}, export=f"{path}.csv")

    async def several_charts(self, rigs: Sequence[Rig], asked: view.Asked) -> view.ChartData:
        """Of at least one rig, each a line."""
        span = asked.span
        try:
            courses = [(rig.name, await self.history.of_rig(rig.id, span)) for rig in rigs]
        except (HistoryUnavailable, NotUnderstood) as why:
            return view.no_charts(span, str(why))
        return view.several_rigs(courses)

    def range_of_farm(self, asked: view.Asked) -> view.RangeView:
        """The bar above the farm's charts."""
        return view.range_view(asked, FARM_RANGE, "/", {}, {"before": "Compare"})

    async def detail(self, rig_id: int, *, charts: bool, asked: view.Asked | None = None) -> view.DetailPage:
        """A rig's page; with the charts of a range or of the last hour, or without where they are shown already."""
        rig, stats = self.book.get(rig_id), self.stats.rigs[rig_id]
        data = await self.charts(rig_id, asked) if charts and stats.log is not None else None
        join = self.join(rig) if stats.log is None and self._at_ms is None else None
        heat = self.heat(rig_id) if charts else None
        return view.detail_page(rig, stats, self._now_ms(), charts=data, join=join, heat=heat, offered=self.bundles())

    def heat(self, rig_id: int) -> view.HeatMap | None:
        """An ASIC's boards chip by chip, where it tells."""
        return view.heat_map(self.chips.get(rig_id), self._now_ms())

    def join(self, rig: Rig, token: str = "") -> view.JoinView:
        """How it joins; `token` while it is shown."""
        return view.join_view(rig, self.address(), token, self.bundles())

    async def panel_html(self, rig_id: int) -> Markup:
        """What other parts show on a rig's page."""
        return Markup("") if self.panel is None else await self.panel(rig_id)

    async def charts(self, rig_id: int, asked: view.Asked | None = None) -> view.ChartData:
        """A range of the rig's history; or the last hour, from the journal, and the log of this moment, which may not
        be durable yet."""
        if asked is not None and not moves(asked):
            return await self._rig_history(rig_id, asked)
        found = view.chart_data(await self._moments(rig_id), self.stats.interval_s)
        now_ms = self._now_ms()
        hour = TimeRange(now_ms - found.span_ms, now_ms + 1, RIG_RANGE, "now")
        with contextlib.suppress(HistoryUnavailable):  # the journal has the hour all the same
            found = replace(found, marks=await self._marks(hour, [rig_id]))
        return found

    async def _rig_history(self, rig_id: int, asked: view.Asked) -> view.ChartData:
        found = await self._of_history(
            asked,
            partial(self.history.of_rig, rig_id, devices=asked.devices),
            partial(view.rig_course, devices=asked.devices),
            [rig_id],
        )
        if not asked.span.ends_now or found.problem:
            return found
        return view.with_latest(found, [(one.t, view.values_of_moment(one)) for one in await self._moments(rig_id)])

    async def _moments(self, rig_id: int) -> list[Moment]:
        """Of the last hour."""
        moments = await self.recent.last_hour(rig_id, view.moment)
        stats = self.stats.rigs.get(rig_id)
        latest = stats.log if stats is not None else None
        if latest is not None and (not moments or latest.t > moments[-1].t):
            moments.append(view.moment(latest))
        return moments

    async def _of_history(
        self,
        asked: view.Asked,
        read: Callable[..., Awaitable[Course]],
        charts: Callable[[Course], view.ChartData],
        rigs: Sequence[int],
    ) -> view.ChartData:
        """`read` takes a range and a resolution. What happened to `rigs`, or else to the farm, is marked."""
        span = asked.span
        try:
            course = await read(span)
            found = charts(course)
            if asked.before:
                length = span.to_ms - span.from_ms
                then = TimeRange(max(span.from_ms - length, 0), span.from_ms, "", "")
                found = view.compared(found, charts(await read(then, course.resolution_s)))
            return replace(found, marks=await self._marks(span, rigs))
        except (HistoryUnavailable, NotUnderstood) as why:
            return view.no_charts(span, str(why))

    async def _marks(self, span: TimeRange, rigs: Sequence[int]) -> list[view.Mark]:
        """What happened to these rigs, or else to the farm. HistoryUnavailable."""
        what = ("state", "moment") if rigs else ("moment",)
        happened = await self.history.happened(span, rigs or None, what, MAX_MARKS)
        return view.marks_of(happened, partial(self._name_of, but=rigs))

    def _name_of(self, rig_id: int, but: Sequence[int]) -> str:
        rig = self.book.rigs.get(rig_id)
        return rig.name if rig is not None and rig_id not in but else ""


def moves(asked: view.Asked) -> bool:
    """Whether its charts are those of the last hour, with a new point for each log."""
    return (asked.span.begin, asked.span.end) == (RIG_RANGE, "now") and asked.plain
