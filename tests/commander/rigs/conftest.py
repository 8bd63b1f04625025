"""The pages of rigs over a farm of their own, without a browser: what they say, and their live sides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.testing import AsyncTestClient

from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.frame import page_templates
from rigfarm.commander.history import History, Keep
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.live import Hub, PageRoutes, PageSession
from rigfarm.commander.logs import Journal, RecentRows
from rigfarm.commander.places.live import register_live_pages as register_live_map
from rigfarm.commander.places.pages import page_routes as map_routes
from rigfarm.commander.places.view import Maps
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.api import api_routes
from rigfarm.commander.rigs.boards.chips import Chips
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.live import register_live_pages
from rigfarm.commander.rigs.pages import page_routes
from rigfarm.commander.rigs.past.machine import TimeMachine
from rigfarm.commander.rigs.view.regions import Regions
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs
from support.asic_load import an_asic_log, asic_specs
from support.steering_nouns import SteeringNouns, dependencies


class Now:
    """Whose pages the application shows: it is made once, for that takes longer than most of these tests."""

    site: Site


@cache
def templates() -> jinja2.Environment:
    """Compiled once."""
    return page_templates()


@cache
def app() -> Litestar:
    """Rigs and what steers them, without the gate."""

    def of(part: Callable[[], Any]) -> Provide:
        return Provide(part, sync_to_thread=False)

    return Litestar(
        [*page_routes, *map_routes, *Now.site.steering.routes, api_routes],
        dependencies={
            **dependencies(lambda: Now.site.steering),
            "book": of(lambda: Now.site.book),
            "shown": of(lambda: Now.site.shown),
            "maps": of(lambda: Now.site.maps),
            "time_machine": of(lambda: TimeMachine(Now.site.shown)),
            "stats": of(lambda: Now.site.stats),
            "rig_list": of(lambda: Now.site.rig_list),
        },
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(templates())),
        exception_handlers=problem_handlers(),
        request_max_body_size=1 << 20,
    )


class Site:
    """The parts of a Commander that pages of rigs are made of."""

    def __init__(self, storage: Storage, journal: Journal, folder: Path) -> None:
        self.hub = Hub()
        self.events = Events()
        self.stats = OperationalStats(self.hub, self.events, 5.0)
        self.book = Rigs(storage, self.hub, self.events)
        self.rig_list = RigList(self.book, self.stats)
        self.templates = templates()
        self.templates.globals["acting_limits"] = lambda: (None, 0)
        self.templates.globals["firing_alerts"] = lambda: ([], 0)
        self.templates.globals["alerts_of_rig"] = lambda rig_id: []
        self.steering = SteeringNouns(storage, self.hub, self.events, self.book, self.stats, folder, self.templates)
        recent = RecentRows(journal.path)
        self.history = History(
            folder / "history.db",
            journal.reader,
            lambda: {rig.id: rig.kind for rig in self.book.rigs.values()},
            interval_s=5.0,
            keep=Keep(),
        )
        self.chips = Chips(self.hub, self.book.rigs)
        self.shown = Shown(
            self.templates,
            self.book,
            self.stats,
            self.rig_list,
            recent,
            self.history,
            lambda: JoinAddress("http://commander.lan:7070", ""),
            self.chips,
            panel=self.steering.panels.html,
            removal_effects=[one.removal_effect for one in self.steering.nouns if one.removal_effect is not None],
            notices=[one.notice for one in self.steering.nouns if one.notice is not None],
        )
        self.routes = PageRoutes()
        register_live_pages(self.routes, self.shown, Regions(self.templates))
        self.maps = Maps(self.shown)
        register_live_map(self.routes, self.maps, self.templates)
        self.steering.show(self.routes)
        self.events.listen(RigRemoved, self._removed)
        self.client: Any = None

    def _removed(self, removed: RigRemoved) -> None:
        self.shown.forget(removed.rig_id)

    # What tests do

    async def asics(self, *names: str, specs: Specs | None = None, log: OperationalLog | None = None) -> list[int]:
        """ASICs that report."""
        made = await self.book.create_many(list(names), "asic")
        for rig, _ in made:
            self.stats.link_up(rig.id)
            self.stats.receive(rig.id, log or an_asic_log(rig.id, 1_000_000))
            self.book.said.reported(rig.id)
            self.book.said.specs(rig.id, specs or asic_specs(rig.id))
        await self.book.said.store()
        return [rig.id for rig, _ in made]

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, follow_redirects=False)
        assert answer.status_code == status, (path, answer.text[:500])
        return str(answer.text)

    async def post(self, path: str, data: dict[str, Any], status: int = 200, **more: Any) -> Any:
        answer = await self.client.post(path, data=data, follow_redirects=False, **more)
        assert answer.status_code == status, (path, answer.text[:500])
        return answer

    def live(self, path: str) -> tuple[Any, PageSession]:
        """A page's live side, and the session that listens for it."""
        page = self.routes.find(path)
        assert page is not None, path

        async def nowhere(_: str) -> None:
            return None

        session = PageSession(self.hub, page, nowhere, b"")
        page.open(session)
        return page, session


def taken_changes(session: PageSession) -> Any:
    """What the session would render next; it hears anew from now on."""
    changes, session._pending = session._pending, {}
    return changes


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    journal.start()
    made = Now.site = Site(storage, journal, tmp_path)
    await made.book.load()
    await made.steering.load()
    async with AsyncTestClient(app()) as client:
        made.client = client
        yield made
    await made.steering.close()
    await journal.close()
    await storage.close()


@pytest.fixture
def changes() -> Any:
    return taken_changes
