"""What rig pages show, from what the Commander knows. Pages and live sessions ask here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from jinja2 import Environment, Template
from markupsafe import Markup
from msgspec.structs import replace

from rigfarm.commander.address import Address
from rigfarm.commander.bundle import Bundle
from rigfarm.commander.channels import Kind
from rigfarm.commander.logs import RecentRows
from rigfarm.commander.noun import Notice, RemovalEffect
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.chips import ChipBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.query import IndexQuery, RigList, Selection
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.units import Unit

__all__ = ["Shown"]

_Version = tuple[int, int, tuple[Unit | None, ...]]
KEPT_VIEWS = 200
TOTALS_FOR_S = 0.2
"""All pages of a kind share a rendering of the totals that is at most this old."""


class Shown:
    """View models and shared fragments. Rows are rendered once per change of their rig, whoever looks."""

    def __init__(
        self,
        templates: Environment,
        book: RigBook,
        stats: OperationalStats,
        rig_list: RigList,
        recent: RecentRows,
        address: Callable[[], Address],
        chips: ChipBook,
        *,
        bundles: Callable[[], Sequence[Bundle]] = tuple,
        panel: Callable[[int], Awaitable[Markup]] | None = None,
        removal_effects: Sequence[RemovalEffect] = (),
        notices: Sequence[Notice] = (),
    ) -> None:
        """`bundles`: the self-contained Sentries that new rigs may fetch; of other nouns: what they show on a rig's
        page (`panel`: the element `#rig-playbooks`, by the rig's id), what ends with removed rigs, and what they say
        aloud to those on a rig's page."""
        self.templates = templates
        self.book = book
        self.stats = stats
        self.rig_list = rig_list
        self.recent = recent
        self.address = address
        self.chips = chips
        self.bundles = bundles
        self.panel = panel
        self.removal_effects = removal_effects
        self.notices = notices
        self.units: dict[Kind, view.CoinUnits] = {"cpu-gpu": view.CoinUnits(), "asic": view.CoinUnits()}
        self._row: Template = templates.get_template("rig_row.html")
        self._rows: dict[int, tuple[_Version, Markup]] = {}
        self._around: dict[IndexQuery, tuple[float, str]] = {}
        self._totals: dict[Kind, tuple[float, view.TotalsView]] = {}

    # Rows

    def row(self, rig_id: int) -> Markup:
        """A rig's row as HTML."""
        rig, stats = self.book.rigs[rig_id], self.stats.rigs[rig_id]
        units = self.units[rig.kind]
        version = (rig.revision, stats.version, units.of_all(view.coins_of_row(stats.log)))
        found = self._rows.get(rig_id)
        if found is not None and found[0] == version:
            return found[1]
        html = Markup(self._row.render(row=view.row(rig, stats, units, utc_ms())))  # noqa: S704 - autoescaped
        self._rows[rig_id] = (version, html)
        return html

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._rows.pop(rig_id, None)
        self.chips.forget(rig_id)

    # Pages

    def totals(self, kind: Kind) -> view.TotalsView:
        """The cards of a kind; following the coins' units on the way."""
        now = time.monotonic()
        found = self._totals.get(kind)
        if found is not None and now - found[0] < TOTALS_FOR_S:
            return found[1]
        totals = self.stats.totals[kind]
        self.units[kind].follow(totals.coins)
        made = view.totals_view(totals, kind, self.stats.days[kind].sparks())
        self._totals[kind] = (now, made)
        return made

    def index(self, query: IndexQuery) -> tuple[view.IndexPage, Selection]:
        """The index page of a query, and which rigs are on it."""
        totals = self.totals(query.kind)
        selection = self.rig_list.select(query)
        waiting = [rig for rig in self.book.of_kind(query.kind) if rig.first_seen_at is None]
        page = view.index_page(
            query,
            selection,
            [self.row(rig_id) for rig_id in selection.ids],
            totals,
            waiting[::-1],
            self.rig_list.coins(query.kind),
            utc_ms(),
        )
        return page, selection

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
        return view.overview_page(self.stats.totals, sick, utc_ms(), sparks)

    async def detail(self, rig_id: int, *, charts: bool) -> view.DetailPage:
        """A rig's page; with the charts of the last hour, or without where they are shown already."""
        rig, stats = self.book.get(rig_id), self.stats.rigs[rig_id]
        data = await self.charts(rig_id) if charts and stats.log is not None else None
        join = self.join(rig) if stats.log is None else None
        heat = self.heat(rig_id) if charts else None
        return view.detail_page(rig, stats, utc_ms(), charts=data, join=join, heat=heat)

    def heat(self, rig_id: int) -> view.HeatMap | None:
        """An ASIC's boards chip by chip, where it tells."""
        return view.heat_map(self.chips.get(rig_id), utc_ms())

    def join(self, rig: Rig, token: str = "") -> view.JoinView:
        """How it joins; `token` while it is shown."""
        return view.join_view(rig, self.address(), token, self.bundles())

    async def panel_html(self, rig_id: int) -> Markup:
        """What other parts show on a rig's page."""
        return Markup("") if self.panel is None else await self.panel(rig_id)

    async def charts(self, rig_id: int) -> view.ChartData:
        """The last hour from the journal, and the log of this moment, which may not be durable yet."""
        moments = await self.recent.last_hour(rig_id, view.moment)
        stats = self.stats.rigs.get(rig_id)
        latest = stats.log if stats is not None else None
        if latest is not None and (not moments or latest.t > moments[-1].t):
            moments.append(view.moment(latest))
        return view.chart_data(moments, self.stats.interval_s)
