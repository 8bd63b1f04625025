"""Rules over a farm of their own: real rigs in a real database, which report."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Change
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.placing import Placer, PlacingRules
from rigfarm.commander.placing.model import PlacingForm, PlacingRule
from rigfarm.commander.rigs import Rigs
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from support.load import a_log


class Site:
    """The parts that place rigs, and what was recorded of what they did."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.storage, self.hub = storage, hub
        self.stats = OperationalStats(hub, events, 5.0)
        self.rigs = Rigs(storage, hub, events)
        self.rules = PlacingRules(storage, hub, self.rigs, self.stats)
        self.recorded: list[Change] = []
        self.placer = Placer(self.rules, self.rigs, events, ChangeLog(Incidents(), self._record))
        self.part = Part("placing rules")
        self.meanwhile: Callable[[], Coroutine[Any, Any, object]] | None = None
        """What somebody does once, while the next change is stored."""
        self._t = 1_000

    async def _record(self, change: Change) -> None:
        self.recorded.append(change)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await asyncio.create_task(meanwhile())

    async def rule(self, name: str, **form: Any) -> PlacingRule:
        return await self.rules.create(PlacingForm(name=name, **form))

    async def add(self, *names: str, kind: Any = "cpu-gpu") -> list[int]:
        return [rig.id for rig, _ in await self.rigs.create_many(list(names), kind)]

    def report(self, rig_id: int, address: str | None) -> None:
        """The rig's newest log, from this address."""
        self._t += 1_000
        self.stats.receive(rig_id, replace(a_log(rig_id, self._t), lan_ip=address))

    def places(self) -> dict[str, str]:
        return {rig.name: rig.place for rig in self.rigs.rigs.values()}

    async def settle(self) -> None:
        """Place what is due, without waiting for the part's own turn."""
        await self.placer._place(self.part)


@pytest.fixture
async def site(storage: Storage, hub: Hub, events: Events) -> Site:
    made = Site(storage, hub, events)
    await made.rigs.load()
    await made.rules.load()
    return made


@pytest.fixture
async def placing(site: Site) -> AsyncIterator[Site]:
    """With the part that places rigs running."""
    task = asyncio.create_task(site.placer.run(site.part))
    yield site
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
