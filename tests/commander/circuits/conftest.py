"""Circuits over a farm whose rigs report what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.circuits import Circuit, Circuits, Draw
from rigfarm.commander.circuits.api import api_routes
from rigfarm.commander.circuits.model import CircuitForm
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.asked import asked_rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Relabel
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.web.problems import problem_handlers
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog, Workload

Watts: TypeAlias = float | None


class CircuitFarm:
    """Rigs by name, in places."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.stats = OperationalStats(hub, events, 5.0)
        self.book = Rigs(storage, hub, events)
        self.rig_list = RigList(self.book, self.stats, sorted_for_s=0.0)
        self.circuits = Circuits(storage, hub, self.book, self.stats)
        self.ids: dict[str, int] = {}
        self._t = utc_ms()

    async def add(self, places: Mapping[str, str]) -> None:
        """New rigs by name, with their places. They wait for their first log."""
        for (name, place), (rig, _) in zip(
            places.items(), await self.book.create_many(list(places), "cpu-gpu"), strict=True
        ):
            self.ids[name] = rig.id
            await self.book.relabel([rig.id], Relabel(place=place))

    def report(self, name: str, power_w: Watts, hashrate: float | None = 1_000.0) -> None:
        """The rig's log from now on."""
        self._t += 1
        workloads = [] if hashrate is None else [Workload(coin="XMR", hashrate=hashrate, state="mining")]
        self.stats.link_up(self.ids[name])
        self.stats.receive(self.ids[name], OperationalLog(t=self._t, power_w=power_w, workloads=workloads))

    def lose(self, name: str) -> None:
        """Its link was lost, and it did not come back in time."""
        self.stats.link_lost(self.ids[name])
        self.stats.tick(self.stats._leaving[self.ids[name]])

    async def circuit(self, name: str, limit_w: float, *places: str, continuous: float = 0.8) -> Circuit:
        """A new one."""
        form = CircuitForm(name=name, limit_w=limit_w, continuous=continuous, places=list(places))
        return await self.circuits.create(form)

    async def draw(self, circuit: Circuit) -> Draw:
        """What it draws now."""
        await self.circuits.draws.add_up()
        return self.circuits.draws.of(circuit.id)

    def on(self, *names: str) -> list[int]:
        """Ids of these rigs."""
        return [self.ids[name] for name in names]


@pytest.fixture
async def farm(storage: Storage, hub: Hub, events: Events) -> CircuitFarm:
    farm = CircuitFarm(storage, hub, events)
    await farm.book.load()
    await farm.circuits.load()
    return farm


@pytest.fixture
async def client(farm: CircuitFarm) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The JSON API alone; the login has its own tests."""
    app = Litestar(
        [api_routes],
        dependencies={
            "of_rigs": Provide(asked_rigs),
            "circuits": Provide(lambda: farm.circuits, sync_to_thread=False),
            "rig_list": Provide(lambda: farm.rig_list, sync_to_thread=False),
        },
        exception_handlers=problem_handlers(),
    )
    async with AsyncTestClient(app) as client:
        yield client
