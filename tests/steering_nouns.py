"""The nouns that steer rigs (address book, mining software, playbooks, orders) without the rest of the Commander."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

from jinja2 import Environment
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from rigfarm.commander import addresses, mining_software, orders, playbooks
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub, PageRoutes
from rigfarm.commander.mining_software.archives import ArchiveStore
from rigfarm.commander.noun import Noun
from rigfarm.commander.playbooks.rig_panel import RigPanels
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage


class SteeringNouns:
    """Made as `app.build` makes them."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: RigBook,
        stats: OperationalStats,
        data_dir: Path,
        templates: Environment,
    ) -> None:
        usage = Usage()
        self.addresses = addresses.AddressBook(storage, hub, events, usage)
        archives = ArchiveStore(data_dir / "archives")
        self.software = mining_software.SoftwareBook(storage, hub, events, usage, archives)
        self.playbooks = playbooks.PlaybookBook(storage, hub, events, usage, rigs, self.addresses, self.software, stats)
        self.rollouts = playbooks.Rollouts(storage, events, self.playbooks, stats)
        self.consoles = playbooks.Consoles(hub, events)
        self.orders = orders.OrderBook(storage, hub, events, rigs)
        self.panels = RigPanels(templates, self.playbooks, self.orders)
        self.nouns: list[Noun] = [
            addresses.noun(self.addresses, templates),
            mining_software.noun(self.software, templates),
            playbooks.noun(self.playbooks, self.rollouts, self.consoles, events, templates),
            orders.noun(self.orders, rigs, templates),
        ]

    async def load(self) -> None:
        for noun in self.nouns:
            if noun.load is not None:
                await noun.load()

    async def close(self) -> None:
        for noun in self.nouns:
            if noun.close is not None:
                await noun.close()

    def show(self, routes: PageRoutes) -> None:
        for noun in self.nouns:
            if noun.live_pages is not None:
                noun.live_pages(routes)

    @property
    def routes(self) -> list[ControllerRouterHandler]:
        return list(chain.from_iterable(noun.routes for noun in self.nouns))

    @property
    def parts(self) -> dict[str, object]:
        return dict(chain.from_iterable(noun.parts.items() for noun in self.nouns))


def dependencies(now: Callable[[], SteeringNouns]) -> dict[str, Provide]:
    """What handlers may ask for, of the nouns of this moment."""
    names = ("addresses", "software", "playbooks", "rollouts", "consoles", "orders")

    def of(name: str) -> Provide:
        return Provide(lambda: now().parts[name], sync_to_thread=False)

    return {name: of(name) for name in names}
