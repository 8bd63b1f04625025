"""The parts of a running Commander, made in order and ended in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from jinja2 import Environment

from rigfarm.commander.address import Address
from rigfarm.commander.auth import Auth
from rigfarm.commander.bundle import SHIPPED, Bundles
from rigfarm.commander.enrolment import EnrolmentKeys
from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.health import Health, calm_garbage_collector
from rigfarm.commander.identity import Identity
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.incidents import Incidents
from rigfarm.commander.incidents.pages import show_incidents
from rigfarm.commander.lan import lan_address
from rigfarm.commander.link.registry import Links
from rigfarm.commander.live import Hub, LiveSessions
from rigfarm.commander.live.routes import PageRoutes
from rigfarm.commander.logs import Journal, RecentRows
from rigfarm.commander.memory import give_back_memory
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.chips import ChipBook
from rigfarm.commander.rigs.live import register_live_pages
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.rigs.regions import Regions
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.settings import Settings
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.commander.steering import Steering
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import DATABASE_S, Parts, Work
from rigfarm.commander.web.fragments import morph
from rigfarm.commander.web.shell import Trouble

__all__ = ["LOG_STORAGE", "Commander"]

LOG_STORAGE = "log storage"
"""The name of the journal among the background parts."""
FILES_S = 120.0
"""The deadline of a part whose rounds read large files."""


class Commander:
    """Everything one process holds. Usable within `running()`."""

    def __init__(self, settings: Settings, templates: Environment, certificate: Certificate | None = None) -> None:
        self.settings = settings
        self.certificate = certificate
        """What it is served with; None: plain http."""
        self.templates = templates
        self.incidents = Incidents()
        self.auth = Auth(settings, incidents=self.incidents)
        self.hub = Hub()
        self.events = Events()
        self.live = LiveSessions()
        self.pages = PageRoutes()
        self.health = Health()
        self.stats = OperationalStats(self.hub, self.events, settings.report_interval_s)
        self.parts = Parts()
        self.journal = Journal(
            settings.data_dir / "journal.db",
            keep_hours=settings.journal_hours,
            part=self.parts.add(LOG_STORAGE, restarts=False),
        )
        self.recent = RecentRows(self.journal)
        self.bundles = Bundles(settings.bundles, SHIPPED)
        self.identity: Identity
        self.storage: Storage
        self.book: RigBook
        self.rig_list: RigList
        self.shown: Shown
        self.enrolment: EnrolmentKeys
        self.links: Links
        self.steering: Steering
        self.auth.sessions.on_end(self._session_ended)
        self.live.still_good = self.auth.sessions.touch
        self.live.frame = self._frame
        self.parts.on_changed.append(lambda part: self.live.frame_changed())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open what is kept, bring back what was, work, and leave everything tidy."""
        asyncio.get_running_loop().set_exception_handler(self.health.unexpected_error)
        async with contextlib.AsyncExitStack() as stack:
            self.identity = Identity.open(self.settings.data_dir)
            self.storage = await Storage.open(self.settings.database)
            stack.push_async_callback(self.storage.close)
            await stack.enter_async_context(self.auth.running(self.storage))
            self.book = RigBook(self.storage, self.hub, self.events)
            self.rig_list = RigList(self.book, self.stats)
            self.links = Links(
                self.book,
                self.stats,
                self.journal,
                self.events,
                self.identity,
                interval_s=self.settings.report_interval_s,
                incidents=self.incidents,
                journal_bytes_per_rig=self.settings.journal_mib_per_rig * (1 << 20),
                certificate=lambda: self.certificate.fingerprint if self.certificate is not None else b"",
            )
            self.enrolment = EnrolmentKeys(self.auth.keys, self.book)
            self.steering = Steering(self.storage, self.hub, self.events, self.book, self.stats, self.settings.data_dir)
            self.shown = Shown(self.templates, self.book, self.stats, self.rig_list, self.recent, self.address)
            register_live_pages(self.pages, self.shown, Regions(self.templates))
            show_incidents(self.incidents, self.pages, self.templates, self.hub, self.book.rigs.get)
            self.steering.show(self.pages, self.templates)
            self.steering.tell(self.shown)
            await self.bundles.look()
            self.shown.bundles = lambda: self.bundles.offered
            self.shown.chips = ChipBook(self.hub, self.book.rigs)
            self.links.handlers.boards = self.shown.chips.receive
            self.links.doubles.on_unchecked = self._doubles_unchecked
            self._listen_for_steering()
            self.events.listen(RigRemoved, self._rig_removed)
            await self.book.load()
            await self.steering.load()
            stack.push_async_callback(self.steering.close)
            self._remember()
            self.journal.start()
            stack.push_async_callback(self.journal.close)
            stack.callback(self.recent.close)
            stack.callback(self.links.doubles.close)
            for work in self._work():
                await stack.enter_async_context(self.parts.running(work))
            stack.enter_context(self.parts.watched())
            calm_garbage_collector()
            yield
            self.live.end()

    def _tls_work(self, certificate: Certificate) -> tuple[Work, ...]:
        return Work("TLS certificate", certificate.run, FILES_S), Work("free memory", give_back_memory, FILES_S)

    def _work(self) -> tuple[Work, ...]:
        """The background parts, beside the journal."""
        return (
            Work("live totals", self.stats.run),
            Work("health figures", self.health.run),
            Work("logins", self.auth.housekeeping, DATABASE_S),
            Work("rig records", self.book.run, DATABASE_S),
            Work("chart index", self.recent.rebuild, FILES_S),
            Work("Sentry downloads", self.bundles.run, FILES_S),
            *(self._tls_work(self.certificate) if self.certificate is not None else ()),
            *self.steering.work(),
        )

    def _listen_for_steering(self) -> None:
        """What waits for rigs goes down their links, and what they say of it comes up."""
        steering, handlers = self.steering, self.links.handlers
        self.links.sources += [steering.source, steering.orders]
        handlers.playbooks = steering.heard_playbooks
        handlers.console = steering.heard_console
        handlers.result = steering.heard_result

    def _remember(self) -> None:
        """Bring back the operational stats, so that a restart shows no empty page."""
        for rig in self.book.rigs.values():
            self.stats.add(rig.id, rig.kind)
        journal = self.journal
        snapshot = journal.open()
        journal.state = self._stats_of_this_moment
        journal.on_committed = self.recent.committed
        journal.on_set_aside = self._logs_set_aside
        after = snapshot.journal_id if snapshot is not None else 0
        state = snapshot.state if snapshot is not None else b""
        journal.damage += remembered.restore(self.stats, state, journal.rows_after(after))
        if journal.damage:
            self.incidents.note(
                "journal.db", "holds data that cannot be read", "it is ignored", count=len(journal.damage)
            )

    def _doubles_unchecked(self, rigs: set[int]) -> None:
        """There was too much to read: a rig's logs may be stored twice."""
        for rig_id in rigs:
            rig = self.book.rigs.get(rig_id)
            if rig is not None:
                self.incidents.note(
                    rig.name,
                    "sent old logs from a new or restored disk",
                    "stored without checking whether they had come before",
                    rig=rig_id,
                )

    def _logs_set_aside(self, rigs: list[int], why: str) -> None:
        """A frame that cannot be stored: whoever sent it is named."""
        for rig_id in set(rigs):
            rig = self.book.rigs.get(rig_id)
            source = rig.name if rig is not None else f"rig {rig_id}"
            self.incidents.note(source, "sent logs that cannot be stored", f"set aside: {why}", rig=rig_id)

    def _stats_of_this_moment(self) -> Callable[[], bytes]:
        self.links.arrivals.hand_on()
        return remembered.remember(self.stats)

    def troubles(self) -> tuple[Trouble, ...]:
        """What of the Commander itself does not work, for the top of every page."""
        return tuple(
            Trouble(part.name, part.since_ms, stores=part is self.journal.part, why=part.trouble or "")
            for part in self.parts.troubled
        )

    def _frame(self) -> str:
        return morph("trouble", self.templates.get_template("trouble.html").render(troubles=self.troubles()))

    def public_url(self) -> str:
        """How rigs and people reach this Commander."""
        scheme = "http" if self.certificate is None else "https"
        return self.settings.public_url or f"{scheme}://{lan_address()}:{self.settings.port}"

    def address(self) -> Address:
        """How rigs reach it, and what they recognise it by."""
        certificate = self.certificate
        direct = certificate is not None and certificate.own and not self.settings.trusted_proxies
        return Address(self.public_url(), certificate.text if certificate is not None and direct else "")

    def _session_ended(self, id_hash: bytes) -> None:
        self.live.end(id_hash)

    def _rig_removed(self, removed: RigRemoved) -> None:
        self.shown.forget(removed.rig_id)
        self.recent.forget(removed.rig_id)
        self.rig_list.forget(removed.rig_id)
