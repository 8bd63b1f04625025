"""The gallery's pages: each a template with its view, made by the same functions that a Commander calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from markupsafe import Markup
from msgspec import structs

from rigfarm.commander.activity.model import KINDS_OF_ACTORS
from rigfarm.commander.activity.view import RESULTS, TIMES, ActivityPage, Links, asked_for, row_of
from rigfarm.commander.auth.answers import ago
from rigfarm.commander.auth.model import ApiKey, Session, Viewer
from rigfarm.commander.auth.pages import KeyForm, settings_view
from rigfarm.commander.bundle import Bundle
from rigfarm.commander.fields import columns_in, texts_of
from rigfarm.commander.filling.view import What
from rigfarm.commander.frame import page_templates
from rigfarm.commander.history import time_range
from rigfarm.commander.incidents.view import acting_limits, rows_of
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.places.view import Asked, tile_of
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.listing.query import IndexQuery, Selection
from rigfarm.commander.rigs.model import Rig, within
from rigfarm.commander.rigs.past.farm import PastBook
from rigfarm.commander.rigs.past.machine import Then
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.views.model import View
from rigfarm.commander.views.view import Tabs
from rigfarm.commander.wall.view import wall_page
from rigfarm.commander.web.shell import NavItem, Shell
from rigfarm.commander.web.spark import Spark, spark
from rigfarm.commander.webhooks.model import WebhookForm
from rigfarm.common.clock import utc_ms
from support.gallery.changes import entries
from support.gallery.courses import course
from support.gallery.hall import fill_round, fill_start, scanned
from support.gallery.hooks import SECRET, some_webhooks
from support.gallery.made_up import Farm, farm, hour
from support.gallery.moving_in import done, planned, start

__all__ = ["Gallery"]

HERE = "/gallery"
BUNDLES = (Bundle("x86_64", "1.0", "0e" * 32, 24_000_000, Path("rigfarm-sentry-x86_64"), (0, 0, 0, 0)),)
LIMITS = (
    ("opened more than 64 connections without logging in", "the ones that waited longest are closed", None),
    ("sent more than 5 pings a second", "its WebSocket was closed", None),
    ("sent logs faster than a rig may", "its link is slowed down", 4),
    ("\u202egnimocni txet tfel ot thgir\x1b[31m", "closed", None),
)
ADDRESS = JoinAddress("https://10.0.0.5:7070", f"SHA256:{'0f3a' * 16}")
TOKEN = "rf_6pQxK2mVt0a8Zy1nC4dE7gH9jL3sW5uBqXfRkTvYw0Tq"


VISITOR = Viewer(Session(b"", "Chrome on Linux", "192.168.1.30", 0, 0, 0.0, 0.0, visitor=True))


class Gallery:
    """Renders any page by name."""

    def __init__(self, now_ms: int | None = None) -> None:
        self.now_ms = utc_ms() if now_ms is None else now_ms
        self.environment = page_templates()
        self.environment.globals["shell"] = lambda: Shell(
            (
                NavItem("overview", "Overview", f"{HERE}/overview", go="o"),
                NavItem("rigs", "Rigs", f"{HERE}/rigs-12", sick=5, go="r"),
                NavItem("asics", "ASICs", f"{HERE}/asics", sick=2, go="a"),
                NavItem("playbooks", "Playbooks", "/playbooks", go="p"),
                NavItem("software", "Software", "/software", go="s"),
                NavItem("addresses", "Addresses", "/addresses", go="d"),
                NavItem("places", "Places", f"{HERE}/rigs-past", go="l"),
                NavItem("reports", "Reports", f"{HERE}/rigs-past", go="e"),
                NavItem("alerts", "Alerts", f"{HERE}/rigs-past"),
                NavItem("activity", "Activity", f"{HERE}/activity-many", go="t"),
            ),
            version="0.1.0",
            fingerprint=ADDRESS.fingerprint,
            join_arguments=ADDRESS.arguments,
            url=ADDRESS.url,
            search=f"{HERE}/rigs-12",
        )
        self.environment.globals["join_steps"] = lambda kind: view.join_steps(kind, ADDRESS, ())
        self.environment.globals["acting_limits"] = lambda: (None, 0)
        self.environment.globals["firing_alerts"] = lambda: ([], 0)
        self.environment.globals["alerts_of_rig"] = lambda rig_id: []
        self.renderer = view.RowRenderer(self.environment)
        self.units = view.CoinUnits()

    def names(self) -> list[str]:
        """Every page there is."""
        return [name[5:].replace("_", "-") for name in dir(self) if name.startswith("page_")]

    def render(self, name: str) -> str:
        """A page's HTML; KeyError when there is no such page."""
        make = getattr(self, f"page_{name.replace('-', '_')}", None)
        if make is None:
            raise KeyError(name)
        return str(make())

    def template(self, template: str, **context: object) -> str:
        """Any template, with what every page knows."""
        known = {"viewer": None, "csrf": "a-token", "active": "rigs"}
        return self.environment.get_template(template).render(known | context)

    # Indexes

    def index(self, made: Farm, kind: KindName = "cpu-gpu", url: Mapping[str, str] | None = None) -> view.IndexPage:
        """The view of an index."""
        query = IndexQuery.parse(kind, url or {})
        totals = made.totals[kind]
        self.units.follow(totals.coins)
        all_of_kind = made.of(kind)
        listed = [one for one in all_of_kind if one[1].condition.state != "waiting"]
        if query.state == "attention":
            listed = [one for one in listed if one[1].condition.severity]
        if query.q:
            listed = [one for one in listed if query.q in one[0].name]
        start = (query.page - 1) * query.per_page
        shown = listed[start : start + query.per_page]
        pages = max(-(-len(listed) // query.per_page), 1)
        return view.index_page(
            query,
            Selection([rig.id for rig, _ in shown], len(listed), query.page, pages, totals.counts),
            [view.arranged(self.row(rig, stats, made.now_ms), query.columns) for rig, stats in shown],
            view.totals_view(totals, kind, {coin: day(n) for n, coin in enumerate(totals.coins)}),
            [rig for rig, stats in all_of_kind if stats.condition.state == "waiting"],
            sorted(totals.coins),
            (
                Counter(place for rig, _ in all_of_kind for place in within(rig.place)),
                Counter(tag for rig, _ in all_of_kind for tag in rig.tags),
            ),
            made.now_ms,
            days=True,
        )

    def row(self, rig: object, stats: object, now_ms: int) -> Markup:
        """One rendered row."""
        drawn = Spark(spark(day(rig.id % 4)[::4]).line) if rig.id % 5 else Spark()  # type: ignore[attr-defined]
        html = Markup(self.environment.get_template("components.html").module.sparkline(drawn))  # type: ignore[attr-defined]
        return self.renderer(view.row(rig, stats, self.units, now_ms, html))  # type: ignore[arg-type]

    def _index(self, made: Farm, kind: KindName = "cpu-gpu", **url: str) -> str:
        page = self.index(made, kind, url)
        active = KINDS[kind].page
        return self.template("rigs_index.html", page=page, active=active, live=page.here)

    def _farm(self, rigs: int = 12, asics: int = 6, waiting: int = 1, *, well: bool = False) -> Farm:
        return farm(rigs, asics, waiting, now_ms=self.now_ms, well=well)

    def page_rigs_0(self) -> str:
        """Nothing there yet."""
        return self._index(self._farm(0, 0, 0))

    def page_rigs_past(self) -> str:
        """The farm of another time."""
        page = structs.replace(self.index(self._farm()), here="")
        notes = ("The Commander was not running then.",)
        at = Then(self.now_ms, None, PastBook({}), notes, set())  # type: ignore[arg-type]
        return self.template("rigs_index.html", page=page, active="rigs", live="", past=at.band(f"{HERE}/rigs-12", {}))

    def page_rigs_3(self) -> str:
        """A small, well farm."""
        return self._index(self._farm(3, 0, 0, well=True))

    def page_rigs_12(self) -> str:
        """The everyday index."""
        return self._index(self._farm())

    def page_rigs_1000(self) -> str:
        """A large farm."""
        return self._index(self._farm(1000, 0, 9))

    def page_rigs_waiting(self) -> str:
        """All are awaited."""
        return self._index(self._farm(0, 0, 2))

    def page_rigs_no_match(self) -> str:
        """A search that finds nothing."""
        return self._index(self._farm(), q="ryzen 9", state="attention")

    def page_rigs_attention(self) -> str:
        """A filter, and another order."""
        return self._index(self._farm(), state="attention", sort="-hashrate")

    def page_rigs_views(self) -> str:
        """Saved views, one of which is shown."""
        hot = View(1, "cpu-gpu", "Hot ones", "q=temp%3E80&sort=-devices", 1)
        page = self.index(self._farm(), url={"sort": "name"})
        shown = Tabs((hot, View(2, "cpu-gpu", "Hall 2", "sort=name", 1)), usual=False, current=2, save="")
        return self.template("rigs_index.html", page=page, live=page.here, saved_views=lambda query: shown)

    def page_rigs_save_view(self) -> str:
        """A view that could be saved."""
        page = self.index(self._farm(), url={"sort": "name"})
        shown = Tabs((), usual=False, current=0, save="/views/new?kind=cpu-gpu&search=sort%3Dname")
        return self.template("rigs_index.html", page=page, live=page.here, saved_views=lambda query: shown)

    def page_rigs_columns(self) -> str:
        """Columns that were chosen."""
        return self._index(self._farm(), cols="power,hashrate,state,day")

    def page_asics_columns(self) -> str:
        """Of ASICs."""
        return self._index(self._farm(), "asic", cols="hashrate,pool,model,hottest")

    def page_asics(self) -> str:
        """ASICs."""
        return self._index(self._farm(), "asic")

    def page_rigs_visitor(self) -> str:
        """The everyday index for who changes nothing."""
        page = self.index(self._farm())
        return self.template("rigs_index.html", page=page, live=page.here, viewer=VISITOR)

    def page_rigs_0_visitor(self) -> str:
        """Nothing to see yet, and nothing to do."""
        page = self.index(self._farm(0, 0, 0))
        return self.template("rigs_index.html", page=page, live=page.here, viewer=VISITOR)

    # One rig

    def detail(self, made: Farm, rig_id: int) -> view.DetailPage:
        """The view of one rig."""
        rig, stats = made.rigs[rig_id]
        charts = None if stats.log is None else view.chart_data(map(view.moment, hour(stats, made.now_ms)), 5.0)
        join = view.join_view(rig, ADDRESS) if stats.log is None else None
        return view.detail_page(rig, stats, made.now_ms, charts=charts, join=join)

    def page_rig_visitor(self) -> str:
        """A rig for who changes nothing."""
        return self._detail(4, viewer=VISITOR)

    def _detail(self, rig_id: int, **context: object) -> str:
        page = self.detail(self._farm(), rig_id)
        ranges = view.range_view(view.Asked(time_range("-1h", "now", self.now_ms)), "-1h", page.href, {"rig": rig_id})
        return self.template("rig_detail.html", page=page, ranges=ranges, live=page.href, **context)

    def page_rig_month(self) -> str:
        """A month of one rig, with bands and a night without power."""
        made = self._farm()
        page = self.detail(made, 4)
        span = time_range(str(self.now_ms - 30 * 86_400_000), "now", self.now_ms)
        ranges = view.range_view(view.Asked(span), "-1h", page.href, {"rig": page.id})
        page = structs.replace(page, charts=view.rig_course(course(span, "temperature", "power")))
        return self.template("rig_detail.html", page=page, ranges=ranges, live=page.href)

    def page_rig_hot(self) -> str:
        """One GPU is too hot."""
        return self._detail(4)

    def page_rig_cpu(self) -> str:
        """A rig that mines on its CPU."""
        return self._detail(7)

    def page_rig_offline(self) -> str:
        """Link lost: its last values."""
        return self._detail(9)

    def page_rig_maintained(self) -> str:
        """A person works on it."""
        return self._detail(3)

    def page_rig_missing(self) -> str:
        """A GPU off the bus."""
        return self._detail(11)

    def page_rig_dual(self) -> str:
        """Two coins at once, fourteen GPUs."""
        return self._detail(2)

    def page_rig_waiting(self) -> str:
        """Never reported: how it joins."""
        return self._detail(200_000)

    def page_asic(self) -> str:
        """One ASIC, with a sick board."""
        return self._detail(100_003)

    # The overview

    def overview(self, made: Farm) -> view.OverviewPage:
        """The view of the main dashboard."""
        sick = [one for one in made.rigs.values() if one[1].condition.severity]
        sparks: dict[KindName, Mapping[str, Sequence[float | None]]] = {
            kind: {coin: day(n) for n, coin in enumerate(totals.coins)} for kind, totals in made.totals.items()
        }
        return view.overview_page(made.totals, sick, made.now_ms, sparks)

    def _overview(self, made: Farm) -> str:
        span = time_range("-24h", "now", self.now_ms)
        page = self.overview(made)
        return self.template(
            "overview.html",
            page=page,
            charts=None if page.empty else view.farm_course(course(span, "power", "rigs")),
            ranges=view.range_view(view.Asked(span), "-24h", "/", {}),
            active="overview",
            live="/",
        )

    def page_overview(self) -> str:
        """The everyday dashboard."""
        return self._overview(self._farm())

    def page_overview_attacked(self) -> str:
        """Limits reached within the last minutes."""
        acting = acting_limits(self.incidents(3), _rig_of(self._farm()))
        return self.template(
            "overview.html",
            page=self.overview(self._farm()),
            charts=None,
            active="overview",
            live="/",
            acting_limits=lambda: acting,
        )

    def _wall(self, made: Farm) -> str:
        shown = SimpleNamespace(
            overview=lambda: self.overview(made),
            stats=SimpleNamespace(sick={kind: totals.sick.total() for kind, totals in made.totals.items()}),
            book=SimpleNamespace(rigs=made.rigs),
        )
        page = wall_page(cast("Shown", shown))
        tiles = [tile_of(Asked(), *one, made.totals[kind]) for kind in made.totals for one in made.of(kind)]
        return self.template("wall.html", page=page, tiles=tiles, live="/wall")

    def page_wall_0(self) -> str:
        """A screen on a wall, of a farm that is still empty."""
        return self._wall(self._farm(0, 0, 0))

    def page_wall_3(self) -> str:
        """Of a small, well farm."""
        return self._wall(self._farm(3, 0, 0, well=True))

    def page_wall(self) -> str:
        """Of the everyday farm."""
        return self._wall(self._farm())

    def page_wall_1000(self) -> str:
        """Of a large one."""
        return self._wall(self._farm(1000, 40, 9))

    def page_overview_well(self) -> str:
        """Nothing to do."""
        return self._overview(self._farm(12, 0, 0, well=True))

    def page_overview_empty(self) -> str:
        """An empty farm."""
        return self._overview(self._farm(0, 0, 0))

    # Dialogs, here as pages of their own

    def page_new_rig(self) -> str:
        """The form for a rig."""
        return self.new_rig("cpu-gpu")

    def page_new_rig_taken(self) -> str:
        """A name that is taken: what was typed stays."""
        error = "A rig named rig-07 already exists (case is ignored): choose another."
        return self.new_rig("asic", name="Rig-07", error=error)

    def new_rig(self, kind: KindName, **more: object) -> str:
        """The form of a new rig."""
        return self.template("rig_new.html", kind=KINDS[kind], kinds=KINDS.values(), **more)

    def page_created(self) -> str:
        """Its token, this once."""
        rig = self._farm(0, 0, 1).rigs[200_000][0]
        join = view.join_view(rig, ADDRESS, TOKEN, BUNDLES)
        return self.template("rig_created.html", join=join)

    def page_token(self) -> str:
        """A new token for an old rig."""
        rig = self._farm(0, 0, 1).rigs[200_000][0]
        join = view.join_view(rig, ADDRESS, TOKEN)
        return self.template("rig_created.html", join=join, rotated=True)

    def page_rotate(self) -> str:
        """Asking first."""
        return self.template("rig_rotate.html", name="rig-07", href="/rigs/7")

    def page_remove(self) -> str:
        """Something dangerous names its target."""
        consequences = ("Its Sentry stops 2 playbooks and removes the mining software.", "Its history is deleted.")
        return self.template(
            "remove.html", target="rig-07", action="/rigs/7/remove", back="/rigs", consequences=consequences
        )

    def page_maintenance(self) -> str:
        """Some of a selection are in maintenance already."""
        return self.template(
            "maintenance.html",
            kind=KINDS["cpu-gpu"],
            back="/rigs",
            target="2 rigs",
            rigs="3,4",
            names=["rig-03", "rig-04"],
            more=0,
            all_inside=False,
            inside="rig-03",
            fields={},
            ends={"": "when I end it", "4": "in 4 hours"},
            most=200,
            errors={},
        )

    def page_rename(self) -> str:
        """A name in a dialog."""
        return self.template(
            "rig_rename.html", href="/rigs/7", name="rig-07", error="", effects=["Its mining program restarts."]
        )

    # Pages of others, in this frame

    def page_login(self) -> str:
        """Before everything."""
        return self.template("login.html", next="/", error="Wrong password.", owner="Kim's phone", wrong_owner="")

    def page_problem(self) -> str:
        """What went wrong."""
        return self.template("problem.html", code=404, title="Not Found", detail="This page does not exist.")

    def page_settings(self) -> str:
        """API keys."""
        keys = [
            ApiKey(1, "grafana", self.now_ms - 10**9, ("read",), None, self.now_ms - 4000, "192.168.1.20"),
            ApiKey(2, "night script", self.now_ms - 10**8, ("read", "operate"), self.now_ms + 10**9),
            ApiKey(3, "container 2", self.now_ms - 10**9, ("enrol",), self.now_ms - 10**8, enrolled=312),
        ]
        shown = settings_view(keys, KeyForm(read="1"), made=keys[0], secret=TOKEN, active="")
        return self.template("settings.html", **shown)

    def page_settings_visitor(self) -> str:
        """Settings, for who changes none."""
        keys = [ApiKey(1, "grafana", self.now_ms - 10**9, ("read",), None, self.now_ms - 4000, "192.168.1.20")]
        return self.template("settings.html", **settings_view(keys, KeyForm(read="1"), active="", viewer=VISITOR))

    def incidents(self, number: int) -> Incidents:
        """Made-up ones: a few kinds, and many addresses."""
        made = Incidents(now_ms=lambda: self.now_ms)
        for n in range(number, 0, -1):
            kind, action, rig = LIMITS[n % len(LIMITS)]
            made.note(f"2001:db8:{n:x}:17::/64" if n % 3 else f"192.0.2.{n % 256}", kind, action, rig=rig, count=n**3)
        return made

    def _limits(self, number: int) -> str:
        rows = rows_of(self.incidents(number).all(), _rig_of(self._farm()))
        return self.template("limits.html", rows=rows[:200], more=max(number - 200, 0), active="", live="")

    def _activity(self, number: int, **params: str) -> str:
        asked = asked_for(params, self.now_ms)
        links: Links = {"rig": lambda rig: (f"rig-{rig:02}", f"/rigs/{rig}"), "playbook": lambda _: None}
        rows = [row_of(entry, links, asked) for entry in entries(self.now_ms, number)]
        older = asked.url(before="1") if number else ""
        page = ActivityPage(asked, rows, asked.url(), older, "", "/api/activity.csv", bool(params), "", "/", "/")
        filters = {"kinds": KINDS_OF_ACTORS, "results": RESULTS, "times": TIMES, "actions": ["rename rig"]}
        return self.template("activity.html", page=page, filters=filters, active="activity", live="/activity")

    def page_activity_0(self) -> str:
        """Nothing has been done."""
        return self._activity(0)

    def page_activity_none(self) -> str:
        """No entry matches."""
        return self._activity(0, q="nothing is like this", by="api-key")

    def page_activity_many(self) -> str:
        """Every kind of entry."""
        return self._activity(100)

    def page_import_0(self) -> str:
        """Nothing chosen yet."""
        return self.template("import.html", **start())

    def page_import_error(self) -> str:
        """A file that is none."""
        return self.template("import.html", **start("This is not a text file: save it as CSV (UTF-8) or JSON."))

    def page_import_plan(self) -> str:
        """Some of everything."""
        return self.template("import.html", **planned())

    def page_import_900(self) -> str:
        """Many rigs, and the farm changed since."""
        changed = "Something changed since you saw this plan, so nothing was imported. Check the new plan."
        return self.template("import.html", **planned(900, changed))

    def page_import_done(self) -> str:
        """All but one."""
        return self.template("import_done.html", **done())

    def page_limits_0(self) -> str:
        """No limit was reached."""
        return self._limits(0)

    def page_limits_3(self) -> str:
        """A few did."""
        return self._limits(3)

    def page_limits_500(self) -> str:
        """A network under attack."""
        return self._limits(500)

    def page_webhooks_0(self) -> str:
        """There are none yet."""
        return self.template("webhook_index.html", webhooks=(), deliveries=(), active="", live="")

    def page_webhooks_3(self) -> str:
        """Of every sort, and what was sent."""
        return self.template("webhook_index.html", **some_webhooks(self.now_ms), active="", live="")

    def page_webhook_new(self) -> str:
        """The form."""
        form = texts_of(WebhookForm(name="ticket system"))
        errors = {"url": "Only https is allowed: http is for the LAN, and only if you tick “In the LAN”."}
        shown = {"group": partial(columns_in, WebhookForm), "errors": errors, "error": ""}
        return self.template("webhook_form.html", one=None, revision=0, form=form, active="", **shown)

    def page_webhook_secret(self) -> str:
        """Shown once."""
        return self.template("webhook_secret.html", name="ticket system", secret=SECRET, rotated=True, active="")

    # In front of a rack

    def page_fill_start(self) -> str:
        """Which rack, and a mistake."""
        errors = {"slots": "No rig is in hall-9 yet: enter its slots, for example 1..12."}
        return self.template("fill_start.html", page=fill_start("hall-9"), errors=errors, error="", wide=False)

    def _round(self, what: What, blinks: str = "", tone: str = "", error: str = "") -> str:
        page = fill_round(*self._farm().rigs[100_003], what, blinks, tone)
        return self.template("fill_round.html", page=page, error=error, live="", wide=False)

    def page_fill_turn(self) -> str:
        """One blinks."""
        return self._round("turn", "It blinks.", "good")

    def page_fill_no_answer(self) -> str:
        """One does not, and a slot was taken meanwhile."""
        why = "It does not blink: The device did not answer within 30 s. Skip it, or find it by its sticker."
        return self._round("turn", why, "bad", "asic-007 is in slot 4: give that one another place first.")

    def page_fill_full(self) -> str:
        """No slot is free."""
        return self._round("full")

    def page_fill_done(self) -> str:
        """All had their turn."""
        return self._round("done")

    def _scan(self, *rigs: int, code: str = "", placed: bool = False, **context: object) -> str:
        made = self._farm()
        page = scanned(self.now_ms, code, tuple(made.rigs[one] for one in rigs), placed=placed)
        known = {"wrong": 0, "typed": "", "refusal": "", "live": "", "wide": False} | context
        return self.template("scan.html", page=page, **known)

    def page_scan(self) -> str:
        """Nothing was scanned yet."""
        return self._scan()

    def page_scan_none(self) -> str:
        """No rig has this code."""
        return self._scan(code="SN:" + "X" * 110)

    def page_scan_two(self) -> str:
        """Two rigs have it, and the place of one was refused."""
        wrong: dict[str, Any] = {"wrong": 100_003, "typed": "hall 1 \\ 3", "refusal": "A level has at most 32 letters."}
        return self._scan(100_002, 100_003, code="0000", **wrong)

    def page_scan_placed(self) -> str:
        """It has its place now."""
        return self._scan(100_002, code="02a51c000005", placed=True)

    def page_scan_visitor(self) -> str:
        """For who changes nothing."""
        return self._scan(100_002, code="02a51c000005", viewer=VISITOR)

    def page_sessions(self) -> str:
        """Who is logged in."""
        own = Session(b"1", "Firefox on Linux", "192.168.1.7", self.now_ms - 10**8, self.now_ms, 0, 0)
        other = Session(b"2", "Safari on iPhone", "192.168.1.9", self.now_ms - 10**9, self.now_ms - 10**6, 0, 0)
        return self.template("sessions.html", sessions=[own, other], own=own, ago=ago, active="")


def _rig_of(made: Farm) -> Callable[[int], Rig | None]:
    return lambda rig_id: made.rigs[rig_id][0]


def day(seed: int) -> list[float | None]:
    """A day of one coin, in quarters of an hour, with a gap."""
    wave = [1.0 + 0.03 * math.sin(n / 7 + seed) + 0.02 * math.sin(n / 2.3) for n in range(96)]
    return [
        None if 60 <= n < 64 and seed == 1 else value * (0.6 if n > 88 and seed == 2 else 1)
        for n, value in enumerate(wave)
    ]
