"""The composition root: every part of a running Commander, made in order of dependence; and the application on them.

A part gets what it needs from its constructor. What a noun gives to others (routes, live pages, handlers of frames,
background work) it says in its `Noun`; the list of nouns below is the only one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import jinja2
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from rigfarm import __version__
from rigfarm.commander import addresses, auth, bundle, enrolment, incidents, mining_software, orders, playbooks, rigs
from rigfarm.commander.address import Address
from rigfarm.commander.api_docs import api_docs_routes
from rigfarm.commander.auth.auth import provided
from rigfarm.commander.auth.openapi import SECURITY, document_scopes
from rigfarm.commander.channels import INCIDENTS
from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.health import Health, calm_garbage_collector, health_routes
from rigfarm.commander.identity import Identity
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.incidents.door import noun as incidents_noun
from rigfarm.commander.lan import host_for_others
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.link.registry import Links
from rigfarm.commander.link.socket import link_socket
from rigfarm.commander.live import Hub, LiveSessions, PageRoutes
from rigfarm.commander.live.socket import live_socket
from rigfarm.commander.logs import Doubles, Journal, RecentRows
from rigfarm.commander.mining_software.archives import ArchiveStore
from rigfarm.commander.noun import Noun
from rigfarm.commander.playbooks.rig_panel import RigPanels
from rigfarm.commander.rigs.model import KINDS
from rigfarm.commander.rigs.view import join_steps
from rigfarm.commander.server.memory import give_back_memory
from rigfarm.commander.server.serve import Served
from rigfarm.commander.server.web_sockets import Socket
from rigfarm.commander.settings import Settings
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Parts, Work
from rigfarm.commander.usage import Usage
from rigfarm.commander.web import assets
from rigfarm.commander.web.checked import CheckedRequest, check_address
from rigfarm.commander.web.fragments import morph
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.commander.web.shell import NavItem, Shell, Trouble

__all__ = ["LOG_STORAGE", "Commander", "application", "build", "opened"]

_HERE = Path(__file__).parent
MAX_BODY = 1 << 20
LOG_STORAGE = "log storage"
"""The name of the journal among the background parts."""
FILES_S = 120.0
"""The deadline of a part whose rounds read large files."""


class Commander(Struct, frozen=True, kw_only=True):
    """A running Commander: its parts. Handlers may ask for each by the name it has here, and for what nouns add."""

    settings: Settings
    certificate: Certificate | None
    """What it is served with; None: plain http."""
    templates: jinja2.Environment
    incidents: incidents.Incidents
    auth: auth.Auth
    hub: Hub
    events: Events
    live: LiveSessions
    pages: PageRoutes
    health: Health
    parts: Parts
    storage: Storage
    stats: OperationalStats
    journal: Journal
    recent: RecentRows
    links: Links
    book: rigs.RigBook
    shown: rigs.Shown
    bundles: bundle.Bundles
    nouns: tuple[Noun, ...]

    @property
    def named(self) -> dict[str, object]:
        """Everything that handlers may ask for, by name."""
        own: dict[str, object] = {name: getattr(self, name) for name in self.__struct_fields__}
        return own | dict(chain.from_iterable(noun.parts.items() for noun in self.nouns))


class Reach:
    """How people and rigs reach this Commander."""

    def __init__(self, settings: Settings, certificate: Certificate | None) -> None:
        self._settings = settings
        self._certificate = certificate

    def public_url(self) -> str:
        """Its URL."""
        scheme = "http" if self._certificate is None else "https"
        return self._settings.public_url or f"{scheme}://{host_for_others(self._settings.host)}:{self._settings.port}"

    def address(self) -> Address:
        """Its URL, and what rigs recognise it by."""
        certificate = self._certificate
        direct = certificate is not None and certificate.own and not self._settings.trusted_proxies
        return Address(self.public_url(), certificate.text if certificate is not None and direct else "")

    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate that is served at this moment; empty without TLS."""
        return self._certificate.fingerprint if self._certificate is not None else b""


@asynccontextmanager
async def build(settings: Settings, certificate: Certificate | None = None) -> AsyncIterator[Commander]:
    """Open what is kept, bring back what was, work while the block runs, and leave everything tidy.

    `certificate` is what the Commander is served with, if it is served over TLS.
    """
    health = Health()
    asyncio.get_running_loop().set_exception_handler(health.unexpected_error)
    async with contextlib.AsyncExitStack() as stack:
        hub, events, parts, usage = Hub(), Events(), Parts(), Usage()
        templates = _templates()
        limits = incidents.Incidents(lambda: hub.publish(INCIDENTS, "updated", None))
        identity = Identity.open(settings.data_dir)
        reach = Reach(settings, certificate)
        storage = await Storage.open(settings.database)
        stack.push_async_callback(storage.close)

        logins = auth.Auth(settings, incidents=limits)
        await stack.enter_async_context(logins.running(storage))
        storing = parts.add(LOG_STORAGE, restarts=False)

        def troubles() -> tuple[Trouble, ...]:
            """What of the Commander itself does not work, for the top of every page."""
            return tuple(
                Trouble(part.name, part.since_ms, stores=part is storing, why=part.trouble or "")
                for part in parts.troubled
            )

        live = LiveSessions(
            logins.sessions.touch,
            lambda: morph("trouble", templates.get_template("trouble.html").render(troubles=troubles())),
        )
        logins.sessions.on_end(live.end_login)
        parts.on_changed.append(lambda part: live.frame_changed())

        stats = OperationalStats(hub, events, settings.report_interval_s)
        book = rigs.RigBook(storage, hub, events)
        rig_list = rigs.RigList(book, stats)
        arrivals = Arrivals(book, stats)
        at = settings.data_dir / "journal.db"
        recent = RecentRows(at)
        journal = Journal(
            at,
            keep_hours=settings.journal_hours,
            part=storing,
            state=lambda: _state(arrivals, stats),
            on_committed=recent.committed,
            on_set_aside=partial(_logs_set_aside, limits, book),
        )
        doubles = Doubles(journal, partial(_doubles_unchecked, limits, book))

        address_book = addresses.AddressBook(storage, hub, events, usage)
        archives = ArchiveStore(settings.data_dir / "archives")
        software = mining_software.SoftwareBook(storage, hub, events, usage, archives)
        playbook_book = playbooks.PlaybookBook(storage, hub, events, usage, book, address_book, software, stats)
        rollouts = playbooks.Rollouts(storage, events, playbook_book, stats)
        consoles = playbooks.Consoles(hub, events)
        order_book = orders.OrderBook(storage, hub, events, book)
        bundles = bundle.Bundles(settings.bundles, bundle.SHIPPED)
        await bundles.look()
        chips = rigs.ChipBook(hub, book.rigs)
        steering = (
            playbooks.noun(playbook_book, rollouts, consoles, events, templates),
            mining_software.noun(software, templates),
            addresses.noun(address_book, templates),
            orders.noun(order_book, book, templates),
        )
        shown = rigs.Shown(
            templates,
            book,
            stats,
            rig_list,
            recent,
            reach.address,
            chips,
            bundles=lambda: bundles.offered,
            panel=RigPanels(templates, playbook_book, order_book).html,
            removal_effects=[noun.removal_effect for noun in steering if noun.removal_effect is not None],
            notices=[noun.notice for noun in steering if noun.notice is not None],
        )
        nouns = (
            auth.noun(logins),
            rigs.noun(book, rig_list, chips, shown, templates),
            *steering,
            enrolment.noun(enrolment.EnrolmentKeys(logins.keys, book)),
            bundle.noun(bundles),
            incidents_noun(limits, book, templates),
        )
        links = Links(
            book,
            stats,
            journal,
            events,
            identity,
            arrivals,
            doubles,
            sources=[noun.source for noun in nouns if noun.source is not None],
            handlers=dict(chain.from_iterable(noun.link_handlers.items() for noun in nouns)),
            interval_s=settings.report_interval_s,
            incidents=limits,
            journal_bytes_per_rig=settings.journal_mib_per_rig * (1 << 20),
            certificate=reach.fingerprint,
        )

        def forget(removed: RigRemoved) -> None:
            for part in (shown, recent, rig_list):
                part.forget(removed.rig_id)

        events.listen(RigRemoved, forget)
        pages = PageRoutes()
        for noun in nouns:
            if noun.live_pages is not None:
                noun.live_pages(pages)
        templates.globals["shell"] = partial(_shell, nouns, stats, reach, troubles)
        templates.globals["join_steps"] = lambda kind: join_steps(kind, reach.address(), bundles.offered)

        await book.load()
        for noun in sorted(nouns, key=_load_order):
            if noun.load is not None:
                await noun.load()
            if noun.close is not None:
                stack.push_async_callback(noun.close)
        _bring_back(journal, stats, book, limits)
        journal.start()
        stack.push_async_callback(journal.close)
        stack.callback(recent.close)
        stack.callback(doubles.close)
        works = [
            Work("live totals", stats.run),
            Work("health figures", health.run),
            Work("chart index", recent.rebuild, FILES_S),
            *chain.from_iterable(noun.work for noun in nouns),
        ]
        if certificate is not None:
            works.append(Work("TLS certificate", certificate.run, FILES_S))
            works.append(Work("free memory", give_back_memory, FILES_S))
        for work in works:
            await stack.enter_async_context(parts.running(work))
        stack.enter_context(parts.watched())
        calm_garbage_collector()
        yield Commander(
            settings=settings,
            certificate=certificate,
            templates=templates,
            incidents=limits,
            auth=logins,
            hub=hub,
            events=events,
            live=live,
            pages=pages,
            health=health,
            parts=parts,
            storage=storage,
            stats=stats,
            journal=journal,
            recent=recent,
            links=links,
            book=book,
            shown=shown,
            bundles=bundles,
            nouns=nouns,
        )
        live.end()


@asynccontextmanager
async def opened(settings: Settings, certificate: Certificate | None = None) -> AsyncIterator[Served]:
    """A Commander and its application, for `serve`."""
    async with build(settings, certificate) as commander:
        yield Served(application(commander), commander.incidents, settings.trusted_proxies)


def application(commander: Commander, *more: ControllerRouterHandler) -> Litestar:
    """The Commander as an ASGI application; `more` are routes of tests."""
    settings, certificate = commander.settings, commander.certificate
    app = Litestar(
        route_handlers=[
            *health_routes,
            *assets.static_routes,
            *chain.from_iterable(noun.routes for noun in commander.nouns),
            *api_docs_routes,
            link_socket,
            live_socket,
            *more,
        ],
        middleware=[commander.auth.gate],
        dependencies={name: provided(part) for name, part in commander.named.items()},
        exception_handlers=problem_handlers(),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(commander.templates)),
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=1000, exclude=["/software/archives/", "/bundle/", "/static/"]
        ),
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Rigfarm",
            version=__version__,
            path="/api/schema",
            description="Authenticate with `Authorization: Bearer rk_…`; keys are made on the settings page.",
            components=SECURITY,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
        request_class=CheckedRequest,
        before_request=check_address,
        websocket_class=Socket,
        state=None,
    )
    document_scopes(app)
    own = certificate is not None and certificate.own
    auth.harden(app, settings, commander.auth.change_log, own_certificate=own)
    return app


_FIRST = ("addresses", "software")


def _load_order(noun: Noun) -> bool:
    """Playbooks refer to the address book and to mining software: those come first."""
    return not any(name in noun.parts for name in _FIRST)


def _state(arrivals: Arrivals, stats: OperationalStats) -> Callable[[], bytes]:
    """The operational stats of this moment, for a snapshot of the journal."""
    arrivals.hand_on()
    return remembered.remember(stats)


def _bring_back(journal: Journal, stats: OperationalStats, book: rigs.RigBook, limits: incidents.Incidents) -> None:
    """The operational stats as they were, so that a restart shows no empty page."""
    for rig in book.rigs.values():
        stats.add(rig.id, rig.kind)
    snapshot = journal.open()
    after = snapshot.journal_id if snapshot is not None else 0
    state = snapshot.state if snapshot is not None else b""
    journal.damage += remembered.restore(stats, state, journal.rows_after(after))
    if journal.damage:
        limits.note("journal.db", "holds data that cannot be read", "it is ignored", count=len(journal.damage))


def _doubles_unchecked(limits: incidents.Incidents, book: rigs.RigBook, rig_ids: set[int]) -> None:
    """There was too much to read: a rig's logs may be stored twice."""
    for rig_id in rig_ids:
        rig = book.rigs.get(rig_id)
        if rig is not None:
            limits.note(
                rig.name,
                "sent old logs from a new or restored disk",
                "stored without checking for duplicates",
                rig=rig_id,
            )


def _logs_set_aside(limits: incidents.Incidents, book: rigs.RigBook, rig_ids: list[int], why: str) -> None:
    """A frame that cannot be stored: the rig that sent it is named."""
    for rig_id in set(rig_ids):
        rig = book.rigs.get(rig_id)
        source = rig.name if rig is not None else f"rig {rig_id}"
        limits.note(source, "sent logs that cannot be stored", f"set aside: {why}", rig=rig_id)


def _shell(
    nouns: tuple[Noun, ...],
    stats: OperationalStats,
    reach: Reach,
    troubles: Callable[[], tuple[Trouble, ...]],
) -> Shell:
    """The frame of every page: what there is, and how many rigs need attention."""
    totals = stats.totals
    ill = {kind: sum(totals[kind].states[word] for word in ("degraded", "idle", "offline")) for kind in KINDS}
    return Shell(
        nav=(
            NavItem("overview", "Overview", "/", go="o"),
            NavItem("rigs", "Rigs", "/rigs", ill["cpu-gpu"], go="r"),
            NavItem("asics", "ASICs", "/asics", ill["asic"], go="a"),
            *chain.from_iterable(noun.nav for noun in nouns),
        ),
        version=__version__,
        search="/rigs",
        new="/rigs/new",
        url=reach.public_url(),
        troubles=troubles(),
        fingerprint=reach.address().fingerprint,
        join_arguments=reach.address().arguments,
    )


def _templates() -> jinja2.Environment:
    """Every noun keeps its templates in a folder of its own; names are distinct across them."""
    folders = sorted(_HERE.glob("*/templates"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    assets.add_helpers(environment)
    return environment
