"""What steers the rigs, as one part of the Commander: address book, mining software, playbooks, roll-outs, orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from litestar.di import Provide

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.addresses import pages as addresses
from rigfarm.commander.addresses.api import api_routes as address_api
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub, PageRoutes
from rigfarm.commander.mining_software import SoftwareBook
from rigfarm.commander.mining_software import pages as software
from rigfarm.commander.mining_software.api import api_routes as software_api
from rigfarm.commander.mining_software.archives import ArchiveStore
from rigfarm.commander.mining_software.serving import archive_routes
from rigfarm.commander.orders import OrderBook
from rigfarm.commander.orders import pages as orders
from rigfarm.commander.orders.api import api_routes as order_api
from rigfarm.commander.orders.notices import how_it_ended
from rigfarm.commander.playbooks import PlaybookBook, pages, pages_apply, regions
from rigfarm.commander.playbooks.api import api_routes as playbook_api
from rigfarm.commander.playbooks.api_rigs import api_rig_routes
from rigfarm.commander.playbooks.consoles import Consoles
from rigfarm.commander.playbooks.pages_rig import register_live_consoles, rig_routes
from rigfarm.commander.playbooks.presence import Presence
from rigfarm.commander.playbooks.rig_panel import RigPanels
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.commander.playbooks.source import PlaybookSource
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.usage import Usage
from rigfarm.commander.web.shell import NavItem
from rigfarm.wire.frames import CommandResult, Console
from rigfarm.wire.playbooks import PlaybookStatus

__all__ = ["NAV", "Steering", "dependencies", "steering_routes"]

steering_routes: list[Any] = [
    *addresses.page_routes,
    *software.page_routes,
    *pages.page_routes,
    *pages_apply.apply_routes,
    *rig_routes,
    *orders.page_routes,
    *archive_routes,
    address_api,
    software_api,
    playbook_api,
    api_rig_routes,
    order_api,
]
"""Pages, the JSON API, and the files that rigs fetch."""

NAV = (
    NavItem("playbooks", "Playbooks", "/playbooks", go="p"),
    NavItem("software", "Software", "/software", go="s"),
    NavItem("addresses", "Addresses", "/addresses", go="d"),
)
"""Their places in the top bar."""


class Steering:
    """Made in order, loaded before anything is served, closed before the database."""

    def __init__(
        self, storage: Storage, hub: Hub, events: Events, rigs: RigBook, stats: OperationalStats, data_dir: Path
    ) -> None:
        usage = Usage()
        self.addresses = AddressBook(storage, hub, events, usage)
        self.software = SoftwareBook(storage, hub, events, usage, ArchiveStore(data_dir / "archives"))
        self.playbooks = PlaybookBook(storage, hub, events, usage, rigs, self.addresses, self.software)
        self.rollouts = Rollouts(storage, events, self.playbooks, stats)
        self.orders = OrderBook(storage, hub, events, rigs)
        self.consoles = Consoles(hub, events)
        self.source = PlaybookSource(events, self.playbooks, self.consoles)
        self._rigs = rigs
        self.panels: RigPanels
        """`await panels.html(rig_id)`: the region `#rig-playbooks` of a rig's page."""
        presence = Presence(hub, events, stats, self.playbooks.assignments)
        self.playbooks.statuses.away = presence.away

    async def load(self) -> None:
        """Read what is kept; after the rigs."""
        await self.addresses.load()
        await self.software.load()
        await self.playbooks.load()
        await self.rollouts.load()
        await self.orders.load()

    async def close(self) -> None:
        """Stop downloads, write what waits."""
        await self.software.close()
        await self.orders.close()

    def show(self, routes: PageRoutes, templates: Environment) -> None:
        """Register the live pages, and make what a rig's page shows of all this."""
        addresses.register_live_pages(routes, templates, self.addresses)
        software.register_live_pages(routes, templates, self.software)
        regions.register_live_pages(routes, templates, self.playbooks, self.rollouts)
        register_live_consoles(routes, templates, self.playbooks, self.consoles)
        orders.register_live_pages(routes, templates, self.orders, self._rigs)
        self.panels = RigPanels(templates, self.playbooks, self.orders)

    def work(self) -> tuple[Work, ...]:
        """Its background parts."""
        return (
            Work("roll-outs", self.rollouts.run, DATABASE_S),
            Work("orders", self.orders.run, DATABASE_S),
            Work("consoles", self.consoles.run),
        )

    def tell(self, shown: Shown) -> None:
        """What rigs' pages say of all this."""
        shown.panel = self.panels.html
        shown.at_stake += [self.playbooks_at_stake, self.orders_at_stake]
        shown.notices.append(how_it_ended)

    def playbooks_at_stake(self, rig_ids: Sequence[int]) -> str:
        """What ends when these rigs are removed."""
        running = sum(len(self.playbooks.assignments.of_rig(rig_id)) for rig_id in rig_ids)
        return "" if not running else "1 playbook stops." if running == 1 else f"{running:,} playbooks stop."

    def orders_at_stake(self, rig_ids: Sequence[int]) -> str:
        """Orders that will never have a result."""
        waiting = sum(len(self.orders.open_of(rig_id)) for rig_id in rig_ids)
        what = "1 order" if waiting == 1 else f"{waiting:,} orders"
        return f"{what} without a result will never have one." if waiting else ""

    # What Sentries say: for `link.UpHandlers`

    def heard_playbooks(self, rig_id: int, statuses: list[PlaybookStatus]) -> None:
        """How a rig's playbooks do."""
        self.playbooks.heard(rig_id, statuses)

    def heard_console(self, rig_id: int, console: Console) -> None:
        """What a mining program printed."""
        self.consoles.receive(rig_id, console)

    async def heard_result(self, rig_id: int, result: CommandResult) -> None:
        """What came of an order."""
        await self.orders.result(rig_id, result)


def dependencies(steering: Callable[[], Steering]) -> dict[str, Provide]:
    """What handlers may ask for by name."""
    return {name: _provided(steering, name) for name in _PARTS}


_PARTS = ("addresses", "software", "playbooks", "rollouts", "consoles", "orders")


def _provided(steering: Callable[[], Steering], name: str) -> Provide:
    def part() -> Any:
        return getattr(steering(), name)

    return Provide(part, sync_to_thread=False)
