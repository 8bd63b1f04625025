"""What steers the rigs, as one part of the Commander: address book, mining software, playbooks, roll-outs, orders."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from litestar.di import Provide

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import SoftwareBook
from rigfarm.commander.mining_software.archives import ArchiveStore
from rigfarm.commander.orders import OrderBook
from rigfarm.commander.playbooks import PlaybookBook
from rigfarm.commander.playbooks.consoles import Consoles
from rigfarm.commander.playbooks.names import RenameListener
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.commander.playbooks.source import PlaybookSource
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.wire.frames import CommandResult, Console
from rigfarm.wire.playbooks import PlaybookStatus

__all__ = ["Steering", "dependencies"]


class Steering:
    """Made in order, loaded before anything is served, closed before the database."""

    def __init__(self, storage: Storage, hub: Hub, rigs: RigBook, stats: OperationalStats, data_dir: Path) -> None:
        self.addresses = AddressBook(storage, hub)
        self.software = SoftwareBook(storage, hub, ArchiveStore(data_dir / "archives"))
        self.playbooks = PlaybookBook(storage, hub, rigs, self.addresses, self.software)
        self.rollouts = Rollouts(storage, self.playbooks, stats)
        self.orders = OrderBook(storage, hub, rigs)
        self.consoles = Consoles(hub)
        self.source = PlaybookSource(self.playbooks, self.consoles)
        self._hub = hub
        self._rigs = rigs
        self._names: RenameListener | None = None

    async def load(self) -> None:
        """Read what is kept; after the rigs."""
        await self.addresses.load()
        await self.software.load()
        await self.playbooks.load()
        await self.rollouts.load()
        await self.orders.load()
        self._names = RenameListener(self._hub, self._rigs, self.playbooks.running)

    async def close(self) -> None:
        """Stop downloads, write what waits."""
        await self.software.close()
        await self.orders.close()

    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside everything else until it is cancelled."""
        return (self.rollouts.run(), self.orders.run(), self.consoles.run())

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
