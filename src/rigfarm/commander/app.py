"""The composition root: every part of a running Commander, made in order of dependence; and the application on them.

A part gets what it needs from its constructor. A noun declares in its `Noun` what it gives to others (routes, live
pages, handlers of frames, background work); the list of nouns below is the only one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from typing import NamedTuple

import jinja2
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from rigfarm import __version__
from rigfarm.commander import (
    activity,
    addresses,
    alerts,
    assignments,
    auth,
    bundle,
    circuits,
    commands,
    effects,
    enrolment,
    filling,
    finder,
    history,
    idempotency,
    imports,
    incidents,
    legacy,
    manual,
    metrics,
    mining_software,
    mqtt,
    places,
    placing,
    playbooks,
    reports,
    rigs,
    rollouts,
    scan,
    stream,
    updates,
    views,
    wall,
    webhooks,
)
from rigfarm.commander.api_docs import api_docs_routes, show_examples
from rigfarm.commander.auth.auth import provided
from rigfarm.commander.auth.openapi import SECURITY, document_operations
from rigfarm.commander.backup import farm_database, note_database
from rigfarm.commander.channels import INCIDENTS
from rigfarm.commander.events import AlertsChanged, AttentionChanged, Events, RigRemoved
from rigfarm.commander.frame import Reach, navigation, page_templates, shell
from rigfarm.commander.health import Health, calm_garbage_collector, health_routes
from rigfarm.commander.identity import Identity
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.link.registry import Links
from rigfarm.commander.link.socket import link_socket
from rigfarm.commander.live import Hub, LiveSessions, PageRoutes
from rigfarm.commander.live.socket import live_socket
from rigfarm.commander.logs import Doubles, Journal, RecentRows
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.noun import Noun
from rigfarm.commander.replicas import Leading, Replica, Replicas, Switch
from rigfarm.commander.rigs.listing.asked import asked_rigs
from rigfarm.commander.rigs.view import join_steps
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.server.memory import give_back_memory
from rigfarm.commander.server.serve import Served
from rigfarm.commander.server.web_sockets import Socket
from rigfarm.commander.settings import SQLITE_FILE, Settings
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.commander.storage import Storage
from rigfarm.commander.storage.left_behind import refuse_to_leave_behind
from rigfarm.commander.supervised import Parts, Work
from rigfarm.commander.usage import Usage
from rigfarm.commander.web import assets
from rigfarm.commander.web.checked import CheckedRequest, check_address, know_questions
from rigfarm.commander.web.fragments import event, morph
from rigfarm.commander.web.json_answers import JsonAnswer
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.commander.web.shell import Trouble

__all__ = ["LOG_STORAGE", "Commander", "application", "build", "opened"]

MAX_BODY = 1 << 20
LOG_STORAGE = "log storage"
"""The name of the journal among the background parts."""
FILES_S = 120.0
"""The deadline of a part whose rounds read large files."""


class Ground(NamedTuple):
    """What a server knows of its Commander, also of one that does not lead yet."""

    hub: Hub
    incidents: Incidents

    @classmethod
    def make(cls) -> Ground:
        """Of a new one."""
        hub = Hub()
        return cls(hub, Incidents(lambda: hub.publish(INCIDENTS, "updated", None)))


class Commander(Struct, frozen=True, kw_only=True):
    """A running Commander: its parts. Handlers may ask for each by the name it has here, and for what nouns add."""

    settings: Settings
    certificate: Certificate | None
    """What it is served with; None: plain http."""
    templates: jinja2.Environment
    incidents: Incidents
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
    replicas: Replicas
    book: rigs.Rigs
    shown: rigs.Shown
    bundles: bundle.Bundles
    answers: idempotency.Answers
    nouns: tuple[Noun, ...]

    @property
    def named(self) -> dict[str, object]:
        """Everything that handlers may ask for, by name."""
        own: dict[str, object] = {name: getattr(self, name) for name in self.__struct_fields__}
        return own | dict(chain.from_iterable(noun.parts.items() for noun in self.nouns))


@asynccontextmanager
async def build(
    settings: Settings,
    certificate: Certificate | None = None,
    served: Ground | None = None,
    lead: Leading | None = None,
) -> AsyncIterator[Commander]:
    """Open the storage, restore the state, run while the block runs, and clean up.

    `certificate` is what the Commander is served with, if it is served over TLS; `served` what its server knows of it
    already; `lead` shares with the replicas what they need to take over, if there are any.
    """
    health = Health()
    asyncio.get_running_loop().set_exception_handler(health.unexpected_error)
    async with contextlib.AsyncExitStack() as stack:
        hub, limits = served or Ground.make()
        events, parts, usage = Events(), Parts(), Usage()
        templates = page_templates()
        identity = Identity.open(settings.data_dir)
        reach = Reach(settings, certificate)
        storage = await Storage.open(farm_database(settings), lead.tenant if lead is not None else None)
        stack.push_async_callback(storage.close)
        if lead is None or lead.term == 1:
            await refuse_to_leave_behind(storage, settings.data_dir / SQLITE_FILE)
        note_database(settings.data_dir, settings.database_url)

        done = activity.open_activity(
            settings, storage, hub, events, **({} if lead is None else {"on_head": lead.share_head})
        )
        logins = auth.Auth(settings, incidents=limits, record=done.record)
        await stack.enter_async_context(logins.running(storage))
        answers = idempotency.Answers(storage)
        await answers.load()
        storing = parts.add(LOG_STORAGE, restarts=False)

        def troubles() -> tuple[Trouble, ...]:
            """What of the Commander itself does not work, for the top of every page."""
            return tuple(
                Trouble(part.name, part.since_ms, stores=part is storing, why=part.trouble or "")
                for part in parts.troubled
            )

        stats = OperationalStats(hub, events, settings.report_interval_s)

        book = rigs.Rigs(storage, hub, events)
        rig_list = rigs.RigList(book, stats)
        power_circuits = circuits.Circuits(storage, hub, book, stats)
        placing_rules = placing.PlacingRules(storage, hub, book, stats)
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
            share=lead.share_row if lead is not None else None,
            share_newcomer=lead.share_newcomer if lead is not None else None,
            on_snapshot=lead.share_snapshot if lead is not None else None,
        )
        doubles = Doubles(journal, partial(_doubles_unchecked, limits, book))

        remembers = settings.history == "on"
        past = history.History(
            settings.data_dir / "history.db",
            journal.reader,
            lambda: {rig.id: rig.kind for rig in book.rigs.values()},
            interval_s=settings.report_interval_s,
            keep=history.keep_of(settings),
            recorder=history.Recorder(events, lambda: {rig.id: _known(rig) for rig in book.rigs.values()})
            if remembers
            else None,
            on=remembers,
            share=lead.share_facts if lead is not None else None,
        )
        events.listen(RigRemoved, past.removed)

        address_book = addresses.AddressBook(storage, hub, events, usage)
        archives = ArchiveStore(settings.data_dir / "archives")
        software = mining_software.MiningSoftware(storage, hub, events, usage, archives)
        assigned = assignments.Assigned(storage)
        playbook_book = playbooks.Playbooks(storage, hub, events, usage, address_book, software, assigned)
        statuses = assignments.Statuses(partial(assignments.is_away, stats))
        seen = effects.Effects(storage, hub, events, book, stats, statuses.said)
        running = assignments.Assignments(hub, events, book, stats, playbook_book, assigned, statuses, seen)
        consoles = assignments.Consoles(hub, events)
        staged = rollouts.Rollouts(storage, hub, events, running, stats)
        playbook_views = playbooks.PlaybookViews(
            playbook_book,
            partial(rollouts.summary_of, assignments=running, rollouts=staged),
            [rollouts.section(templates, running, staged), assignments.section(templates, running)],
            staged.gave_up,
        )
        command_book = commands.Commands(storage, hub, events, book, seen)
        farm_view = alerts.FarmView(stats, book, running, command_book, seen, parts, settings.data_dir, power_circuits)
        watch = alerts.Watch(farm_view, stats.rigs, farm_view.name_of, farm_view.facts_of)
        alert_rules = alerts.RuleBook(storage, events, stats, rig_list, lambda one: one in playbook_book.playbooks)
        alert_channels = alerts.Channels(storage, hub, alert_rules, alerts.Courier())
        alert_windows = alerts.Windows(storage, hub, book, rig_list)
        hooks = webhooks.Webhooks(storage, hub, limits)
        alarms = alerts.Alerts(
            storage,
            hub,
            events,
            book,
            stats,
            alert_rules,
            watch,
            alerts.Outboxes(alert_channels, hooks),
            alert_windows.muted_until,
        )
        automation = alerts.Automation(
            storage,
            hub,
            events,
            book,
            alarms,
            command_book,
            running,
            alerts.Guards(events, stats, command_book, running, staged, alert_windows.muted_until),
            logins.change_log,
        )
        alert_links = alerts.AckLinks(storage, reach.public_url)
        sender = alerts.Sender(
            storage,
            alert_channels,
            alarms.get,
            alert_links,
            alert_windows,
            alarms.rigs_in,
            lambda rig_id: book.rigs[rig_id].href if rig_id in book.rigs else "",
            reach.public_url,
            on_sent=partial(alerts.alerts_changed, hub),
        )

        def frame() -> tuple[str, ...]:
            """What every open page shows around its content."""
            bell = templates.get_template("bell.html").render(alerts=alerts.bell(alarms))
            return (
                morph("trouble", templates.get_template("trouble.html").render(troubles=troubles()))
                + morph("bell", bell),
                event("title", sick={KINDS[kind].page: number for kind, number in stats.sick.items()}),
            )

        live = LiveSessions(logins.sessions.touch, frame)
        logins.sessions.on_end(live.end_login)
        parts.on_changed.append(lambda part: live.around_changed())
        events.listen(AttentionChanged, lambda _: live.around_changed())
        events.listen(AlertsChanged, lambda _: live.around_changed())
        bundles = bundle.Bundles(settings.bundles, bundle.SHIPPED)
        sentry_updates = updates.SentryUpdates(
            storage, hub, events, book, stats, statuses, command_book, lambda: bundles.offered
        )
        await bundles.look()
        chips = rigs.Chips(hub, book.rigs)
        steering = (
            playbooks.noun(playbook_book, playbook_views, templates),
            assignments.noun(running, consoles, events, templates),
            rollouts.noun(staged, running, templates),
            mining_software.noun(software, templates),
            addresses.noun(address_book, templates),
            effects.noun(seen, templates),
            commands.noun(command_book, book, templates),
            updates.noun(sentry_updates, templates),
        )
        shown = rigs.Shown(
            templates,
            book,
            stats,
            rig_list,
            recent,
            past,
            reach.address,
            chips,
            bundles=lambda: bundles.offered,
            circuits=power_circuits.names,
            panel=assignments.RigPanels(templates, running, command_book).html,
            removal_effects=[noun.removal_effect for noun in steering if noun.removal_effect is not None],
            rename_effects=[noun.rename_effect for noun in steering if noun.rename_effect is not None],
            notices=[noun.notice for noun in steering if noun.notice is not None],
        )
        farm_reports = reports.Reports(past, book, rig_list, storage, reports.Coins(storage))
        nouns: tuple[Noun, ...] = (
            auth.noun(logins),
            activity.noun(done, _activity_links(book, playbook_book), templates, lambda: _started(logins)),
            history.noun(past),
            rigs.noun(book, stats, rig_list, chips, shown, templates),
            views.noun(views.Views(storage, hub), templates),
            places.noun(shown, templates),
            circuits.noun(power_circuits, templates),
            placing.noun(placing_rules, placing.Placer(placing_rules, book, events, logins.change_log), templates),
            wall.noun(shown, templates),
            *steering,
            scan.noun(book, stats, rig_list, command_book, events, templates),
            filling.noun(book, stats, rig_list, command_book, logins.change_log, hub, events, templates),
            reports.noun(farm_reports, reports.Schedules(farm_reports, alert_channels, storage, reach.public_url)),
            enrolment.noun(enrolment.EnrolmentKeys(logins.keys, book)),
            imports.noun(imports.Farm(address_book, software, playbook_book, book, stats), logins.change_log),
            bundle.noun(bundles),
            incidents.noun(limits, book, templates),
            alerts.noun(alarms, alert_channels, alert_windows, sender, alert_links, automation, book, templates),
            stream.noun(hub, book, stats, rig_list, alarms, done),
            webhooks.noun(
                hooks,
                webhooks.Collector(storage, hub, events, book, done, limits, hooks),
                webhooks.Sender(storage, hub, hooks),
                templates,
            ),
            manual.noun(),
            metrics.noun(
                metrics.Metrics(
                    book,
                    stats,
                    alarms,
                    journal=journal,
                    history=past,
                    health=health,
                    parts=parts,
                    circuits=power_circuits,
                    detail=settings.metrics_detail,
                )
            ),
        )
        nouns = (
            *nouns,
            finder.noun([one.finds for one in nouns if one.finds is not None], partial(navigation, nouns, stats)),
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

        if settings.legacy_api == "on":
            nouns = (*nouns, legacy.noun(links, storage, events, running, logins.bad_tokens))

        if settings.mqtt_url is not None:
            topics = mqtt.Topics(settings.mqtt_prefix, settings.mqtt_discovery)
            by_mqtt = mqtt.Steering(book, command_book, logins.change_log, limits)
            steers = by_mqtt if settings.mqtt_commands == "on" else None
            bridge = mqtt.Bridge(book, stats, mqtt.Broker.of(settings), topics, reach.public_url, steers)
            nouns = (*nouns, mqtt.noun(bridge, steers))

        def forget(removed: RigRemoved) -> None:
            for part in (shown, recent, rig_list):
                part.forget(removed.rig_id)

        events.listen(RigRemoved, forget)
        pages = PageRoutes()
        for noun in nouns:
            if noun.live_pages is not None:
                noun.live_pages(pages)
        templates.globals["shell"] = partial(shell, nouns, stats, reach, troubles, lambda: alerts.bell(alarms))
        templates.globals["join_steps"] = lambda kind: join_steps(kind, reach.address(), bundles.offered)

        await book.load()
        for rig in book.rigs.values():
            stats.add(rig.id, rig.kind, token_due=rig.token_due, maintenance=rig.maintenance is not None)
        for noun in sorted(nouns, key=_load_order):
            if noun.load is not None:
                await noun.load()
            if noun.close is not None:
                stack.push_async_callback(noun.close)
        _bring_back(journal, stats, limits)
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
        if lead is not None:
            works += lead.works(archives.folder)
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
            replicas=Replicas(lead),
            book=book,
            shown=shown,
            bundles=bundles,
            answers=answers,
            nouns=nouns,
        )
        live.end()


@asynccontextmanager
async def opened(settings: Settings, certificate: Certificate | None = None) -> AsyncIterator[Served]:
    """A Commander and its application, for `serve`; or one of several, which answers as a standby until it leads."""
    if settings.nats_url is None:
        async with build(settings, certificate) as commander:
            yield Served(
                application(commander), commander.incidents, settings.trusted_proxies, partial(_closing, commander)
            )
        return
    switch, ground, ending = Switch(), Ground.make(), asyncio.Event()
    commanders: list[Commander] = []
    """One, once it leads."""
    async with Replica.open(settings) as replica, asyncio.TaskGroup() as tasks:

        async def lead() -> None:
            async with replica.leading() as leading, build(settings, certificate, ground, leading) as commander:
                commanders.append(commander)
                switch.lead(application(commander))
                await ending.wait()

        leading = tasks.create_task(lead(), name="replica")
        yield Served(switch, ground.incidents, settings.trusted_proxies, lambda: _closing(*commanders))
        if commanders:
            ending.set()
        else:
            leading.cancel()


def _closing(*commanders: Commander) -> None:
    """Before their connections are closed."""
    for commander in commanders:
        commander.links.close_quietly()
        for noun in commander.nouns:
            if noun.closing is not None:
                noun.closing()


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
        middleware=[commander.auth.gate, idempotency.Idempotent(commander.answers)],
        dependencies={name: provided(part) for name, part in commander.named.items()}
        | {"of_rigs": Provide(asked_rigs)},
        exception_handlers=problem_handlers(),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(commander.templates)),
        compression_config=CompressionConfig(
            backend="gzip",
            minimum_size=1000,
            exclude=["/software/archives/", "/bundle/", "/static/", "^/metrics$", "^/api/stream$"],
        ),
        request_max_body_size=MAX_BODY,
        openapi_config=OpenAPIConfig(
            title="Rigfarm",
            version=__version__,
            path="/api/schema",
            description="Authenticate with `Authorization: Bearer rk_…`; create keys on the settings page.",
            components=SECURITY,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
        request_class=CheckedRequest,
        response_class=JsonAnswer,
        before_request=check_address,
        websocket_class=Socket,
        state=None,
    )
    know_questions(app)
    document_operations(app)
    show_examples(app)
    own = certificate is not None and certificate.own
    auth.harden(app, settings, commander.auth.change_log, own_certificate=own)
    return app


def _activity_links(book: rigs.Rigs, playbook_book: playbooks.Playbooks) -> activity.Links:
    """Where the things are that changes were about, if they still exist."""

    def rig(rig_id: int) -> tuple[str, str] | None:
        found = book.rigs.get(rig_id)
        return None if found is None else (found.name, found.href)

    def playbook(playbook_id: int) -> tuple[str, str] | None:
        found = playbook_book.playbooks.get(playbook_id)
        return None if found is None else (found.name, f"/playbooks/{playbook_id}")

    return {"rig": rig, "playbook": playbook}


def _started(logins: auth.Auth) -> dict[str, str]:
    """What there is to say of a start."""
    replaced = {"password": "changed; all logins ended"} if logins.password.replaced else {}
    return {"version": __version__} | replaced


_FIRST = ("addresses", "software", "assignments")


def _load_order(noun: Noun) -> bool:
    """Playbooks refer to the address book, to mining software, and to the rigs that have them: those come first."""
    return not any(name in noun.parts for name in _FIRST)


def _state(arrivals: Arrivals, stats: OperationalStats) -> Callable[[], bytes]:
    """The operational stats of this moment, for a snapshot of the journal."""
    arrivals.hand_on()
    return remembered.remember(stats)


def _bring_back(journal: Journal, stats: OperationalStats, limits: Incidents) -> None:
    """The operational stats as they were, so that a restart shows no empty page."""
    snapshot = journal.open()
    after = snapshot.journal_id if snapshot is not None else 0
    state = snapshot.state if snapshot is not None else b""
    journal.damage += remembered.restore(stats, state, journal.rows_after(after))
    if journal.damage:
        limits.note("journal.db", "holds data that cannot be read", "it is ignored", count=len(journal.damage))


def _known(rig: rigs.Rig) -> history.KnownRig:
    return history.KnownRig(
        kind=rig.kind, name=rig.name, added_ms=rig.created_at, specs=rig.specs, place=rig.place, tags=rig.tags
    )


def _doubles_unchecked(limits: Incidents, book: rigs.Rigs, rig_ids: set[int]) -> None:
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


def _logs_set_aside(limits: Incidents, book: rigs.Rigs, rig_ids: list[int], why: str) -> None:
    """A frame that cannot be stored: the rig that sent it is named."""
    for rig_id in set(rig_ids):
        rig = book.rigs.get(rig_id)
        source = rig.name if rig is not None else f"rig {rig_id}"
        limits.note(source, "sent logs that cannot be stored", f"set aside: {why}", rig=rig_id)
