"""The gallery's pages: each a template with its view, made by the same functions that a Commander calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from rigfarm.commander.address import Address
from rigfarm.commander.auth.answers import ago
from rigfarm.commander.auth.model import ApiKey, Session
from rigfarm.commander.auth.pages import KeyForm, settings_view
from rigfarm.commander.bundle import Bundle
from rigfarm.commander.channels import Kind
from rigfarm.commander.incidents import Incidents
from rigfarm.commander.incidents.pages import acting_limits, rows_of
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.query import IndexQuery, Selection
from rigfarm.commander.web import assets
from rigfarm.commander.web.shell import NavItem, Shell
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.gallery.made_up import Farm, farm, hour

__all__ = ["Gallery"]

HERE = "/gallery"
BUNDLES = (Bundle("x86_64", "1.0", "0e" * 32, 24_000_000, Path("rigfarm-sentry-x86_64"), (0, 0, 0, 0)),)
LIMITS = (
    ("opened more than 64 connections without logging in", "the ones that waited longest are closed", None),
    ("sent more than 5 pings a second", "its WebSocket was closed", None),
    ("sent logs faster than a rig may", "its link is slowed down", 4),
    ("\u202egnimocni txet tfel ot thgir\x1b[31m", "closed", None),
)
ADDRESS = Address("https://10.0.0.5:7070", f"SHA256:{'0f3a' * 16}")
TOKEN = "rf_6pQxK2mVt0a8Zy1nC4dE7gH9jL3sW5uBqXfRkTvYw0Tq"  # noqa: S105 - made up


class Gallery:
    """Renders any page by name."""

    def __init__(self, now_ms: int | None = None) -> None:
        self.now_ms = utc_ms() if now_ms is None else now_ms
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(sorted(Path(__file__).parents[2].joinpath("commander").glob("*/templates"))),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        assets.add_helpers(self.environment)
        self.environment.globals["shell"] = lambda: Shell(
            (
                NavItem("overview", "Overview", f"{HERE}/overview", go="o"),
                NavItem("rigs", "Rigs", f"{HERE}/rigs-12", sick=5, go="r"),
                NavItem("asics", "ASICs", f"{HERE}/asics", sick=2, go="a"),
                NavItem("playbooks", "Playbooks", "/playbooks", go="p"),
                NavItem("software", "Software", "/software", go="s"),
                NavItem("addresses", "Addresses", "/addresses", go="d"),
            ),
            version="0.1.0",
            fingerprint=ADDRESS.fingerprint,
            join_arguments=ADDRESS.arguments,
            url=ADDRESS.url,
            search=f"{HERE}/rigs-12",
        )
        self.environment.globals["join_steps"] = lambda kind: view.join_steps(kind, ADDRESS, ())
        self.environment.globals["acting_limits"] = lambda: (None, 0)
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

    def index(self, made: Farm, kind: Kind = "cpu-gpu", url: Mapping[str, str] | None = None) -> view.IndexPage:
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
            Selection([rig.id for rig, _ in shown], len(listed), query.page, pages, dict(totals.states)),
            [self.row(rig, stats, made.now_ms) for rig, stats in shown],
            view.totals_view(totals, kind, {coin: day(n) for n, coin in enumerate(totals.coins)}),
            [rig for rig, stats in all_of_kind if stats.condition.state == "waiting"],
            sorted(totals.coins),
            made.now_ms,
        )

    def row(self, rig: object, stats: object, now_ms: int) -> Markup:
        """One rendered row."""
        return self.renderer(view.row(rig, stats, self.units, now_ms))  # type: ignore[arg-type]

    def _index(self, made: Farm, kind: Kind = "cpu-gpu", **url: str) -> str:
        page = self.index(made, kind, url)
        active = "asics" if kind == "asic" else "rigs"
        return self.template("rigs_index.html", page=page, active=active, live=page.here)

    def _farm(self, rigs: int = 12, asics: int = 6, waiting: int = 1, *, well: bool = False) -> Farm:
        return farm(rigs, asics, waiting, now_ms=self.now_ms, well=well)

    def page_rigs_0(self) -> str:
        """Nothing there yet."""
        return self._index(self._farm(0, 0, 0))

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

    def page_asics(self) -> str:
        """ASICs."""
        return self._index(self._farm(), "asic")

    # One rig

    def detail(self, made: Farm, rig_id: int) -> view.DetailPage:
        """The view of one rig."""
        rig, stats = made.rigs[rig_id]
        charts = None if stats.log is None else view.chart_data(map(view.moment, hour(stats, made.now_ms)), 5.0)
        join = view.join_view(rig, ADDRESS) if stats.log is None else None
        return view.detail_page(rig, stats, made.now_ms, charts=charts, join=join)

    def _detail(self, rig_id: int) -> str:
        page = self.detail(self._farm(), rig_id)
        return self.template("rig_detail.html", page=page, live=page.href)

    def page_rig_hot(self) -> str:
        """One GPU is too hot."""
        return self._detail(4)

    def page_rig_cpu(self) -> str:
        """A rig that mines on its CPU."""
        return self._detail(7)

    def page_rig_offline(self) -> str:
        """Link lost: its last values."""
        return self._detail(9)

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
        sparks: dict[Kind, Mapping[str, Sequence[float | None]]] = {
            kind: {coin: day(n) for n, coin in enumerate(totals.coins)} for kind, totals in made.totals.items()
        }
        return view.overview_page(made.totals, sick, made.now_ms, sparks)

    def _overview(self, made: Farm) -> str:
        return self.template("overview.html", page=self.overview(made), active="overview", live="/")

    def page_overview(self) -> str:
        """The everyday dashboard."""
        return self._overview(self._farm())

    def page_overview_attacked(self) -> str:
        """Limits reached within the last minutes."""
        acting = acting_limits(self.incidents(3), _rig_of(self._farm()))
        return self.template(
            "overview.html", page=self.overview(self._farm()), active="overview", live="/", acting_limits=lambda: acting
        )

    def page_overview_well(self) -> str:
        """Nothing to do."""
        return self._overview(self._farm(12, 0, 0, well=True))

    def page_overview_empty(self) -> str:
        """An empty farm."""
        return self._overview(self._farm(0, 0, 0))

    # Dialogs, here as pages of their own

    def page_new_rig(self) -> str:
        """The form for a rig."""
        return self.template("rig_new.html", kind="cpu-gpu")

    def page_new_rig_taken(self) -> str:
        """A name that is taken: what was typed stays."""
        error = "There is a rig named rig-07 already. Names are compared without regard to case: choose another."
        return self.template("rig_new.html", kind="asic", name="Rig-07", error=error)

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
        return self.template("rig_remove.html", name="rig-07", href="/rigs/7", back="/rigs", consequences=consequences)

    def page_rename(self) -> str:
        """A name in a dialog."""
        return self.template("rig_rename.html", href="/rigs/7", name="rig-07", error="")

    # Pages of others, in this frame

    def page_login(self) -> str:
        """Before everything."""
        return self.template("login.html", next="/", error="This is not the password.")

    def page_problem(self) -> str:
        """What went wrong."""
        return self.template("problem.html", code=404, title="Not Found", detail="There is no such page.")

    def page_settings(self) -> str:
        """API keys."""
        keys = [
            ApiKey(1, "grafana", self.now_ms - 10**9, ("read",), None, self.now_ms - 4000, "192.168.1.20"),
            ApiKey(2, "night script", self.now_ms - 10**8, ("read", "operate"), self.now_ms + 10**9),
            ApiKey(3, "container 2", self.now_ms - 10**9, ("enrol",), self.now_ms - 10**8, enrolled=312),
        ]
        shown = settings_view(keys, KeyForm(read="1"), made=keys[0], secret=TOKEN, active="")
        return self.template("settings.html", **shown)

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

    def page_limits_0(self) -> str:
        """No limit was reached."""
        return self._limits(0)

    def page_limits_3(self) -> str:
        """A few did."""
        return self._limits(3)

    def page_limits_500(self) -> str:
        """A network under attack."""
        return self._limits(500)

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
