"""The nouns around playbooks over a database, without web and links."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Hashable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rigfarm.commander.addresses import AddressBook, AddressForm
from rigfarm.commander.assignments import Assigned, Assignments, Statuses, is_away
from rigfarm.commander.assignments.console.consoles import Consoles
from rigfarm.commander.assignments.sent import AssignmentSource, assigned_to
from rigfarm.commander.effects import Effects
from rigfarm.commander.events import Events, WorkWaiting
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.mining_software import MiningSoftware, Software, SoftwareForm
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.playbooks import PlaybookForm, Playbooks, WorkloadForm
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookState, PlaybookStatus

POSTGRESQL = os.environ.get("RIGFARM_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
PROGRAM = b"\x7fELF a program"


class Listener:
    """Hears everything on the channels it is subscribed to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable, str]] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        self.heard.append((channel, key, event))

    def channel_closed(self, channel: str) -> None:
        self.heard.append((channel, "", "closed"))


class Farm:
    """A Commander's nouns over a database, without web and links. `restarted` is another process on the same data."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.storage = storage
        self.folder = folder
        self.hub = Hub()
        self.events = Events()
        self.usage = Usage()
        self.stats = OperationalStats(self.hub, self.events, 5.0)
        self.rigs = Rigs(storage, self.hub, self.events)
        self.addresses = AddressBook(storage, self.hub, self.events, self.usage)
        self.software = MiningSoftware(storage, self.hub, self.events, self.usage, ArchiveStore(folder / "archives"))
        assigned = Assigned(storage)
        self.playbooks = Playbooks(storage, self.hub, self.events, self.usage, self.addresses, self.software, assigned)
        statuses = Statuses(partial(is_away, self.stats))
        self.later_s = 0.0
        """How far the clock of effects is turned."""
        self.effects = Effects(
            storage,
            self.hub,
            self.events,
            self.rigs,
            self.stats,
            statuses.said,
            wall_ms=lambda: utc_ms() + int(self.later_s * 1000),
            monotonic=lambda: time.monotonic() + self.later_s,
        )
        self.assignments = Assignments(
            self.hub, self.events, self.rigs, self.stats, self.playbooks, assigned, statuses, self.effects
        )
        self.consoles = Consoles(self.hub, self.events)
        self.source = AssignmentSource(self.events, self.assignments, self.consoles)
        self.viewer = Listener()
        self.nudged: list[int] = []
        """Rigs for which something was stored, in order."""
        self.events.listen(WorkWaiting, lambda waiting: self.nudged.append(waiting.rig_id))

    async def load(self) -> Farm:
        await self.rigs.load()
        await self.addresses.load()
        await self.software.load()
        await self.effects.load()
        await self.assignments.load()
        await self.playbooks.load()
        return self

    async def restarted(self) -> Farm:
        return await Farm(self.storage, self.folder).load()

    async def new_rigs(self, *names: str) -> list[int]:
        """Rigs whose Sentries are connected."""
        made = [rig.id for rig, _ in await self.rigs.create_many(list(names), "cpu-gpu")]
        for rig_id in made:
            self.stats.link_up(rig_id)
        return made

    async def new_software(self, name: str = "Fakeminer", *, pin: bool = True, **more: Any) -> Software:
        fields: dict[str, Any] = {"executable": "fakeminer", "adapter": "xmrig", "devices": "both", "dual": True} | more
        form = SoftwareForm(name, "1.0", api_arguments="--http-port=$API_PORT", **fields)
        software = await self.software.create(form)

        async def body() -> AsyncIterator[bytes]:
            yield PROGRAM + name.encode()

        if pin:
            uploaded = await self.software.upload(software.id, body(), None)
            assert uploaded.kept is not None
            return await self.software.pin(software.id, uploaded.kept.sha256)
        return software

    async def new_form(self, name: str = "XMR on CPUs", **changes: Any) -> PlaybookForm:
        """A playbook that mines XMR on the CPU, with an address book and a program made for it."""
        n = len(self.addresses.addresses)
        pool = await self.addresses.create(AddressForm(f"pool {n}", "pool", "XMR", urls=["pool.example:3333"]))
        wallet = await self.addresses.create(AddressForm(f"wallet {n}", "wallet", "XMR", wallet="48wallet"))
        software = next(iter(self.software.listed()), None) or await self.new_software()
        fields: dict[str, Any] = {
            "software_id": software.id,
            "template": "-o $CPU_POOL -u $CPU_WALLET --rig-id $WORKER_NAME",
            "workloads": [WorkloadForm("cpu", "XMR", "rx/0", pool.id, wallet.id)],
        }
        return PlaybookForm(name, **(fields | changes))

    def say(self, rig_id: int, playbook_id: int, state: PlaybookState, **more: Any) -> None:
        """What a Sentry would say of a playbook it was told of."""
        has = self.assignments.assigned.get(rig_id, playbook_id)
        assert has is not None
        fields: dict[str, Any] = {"revision": has.revision} | more
        self.assignments.receive(rig_id, [PlaybookStatus(playbook_id, state=state, **fields)])

    async def told(self, rig_id: int) -> list[AssignedPlaybook]:
        """What a Sentry that connects now is told to run."""
        found = assigned_to(rig_id, self.assignments)
        return [] if found is None else found[1]


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    yield await Farm(storage, tmp_path).load()
    await storage.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_farm(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Farm]:
    """On both databases; PostgreSQL is skipped where none runs."""
    if request.param == "sqlite":
        storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
        yield await Farm(storage, tmp_path).load()
        await storage.close()
        return
    async with postgresql_storage() as storage:
        yield await Farm(storage, tmp_path).load()


@contextlib.asynccontextmanager
async def postgresql_storage() -> AsyncIterator[Storage]:
    """A database of its own; the test is skipped where no PostgreSQL runs."""
    try:
        server = await asyncpg.connect(f"{POSTGRESQL}/postgres", timeout=5)
    except OSError:
        pytest.skip(f"no PostgreSQL at {POSTGRESQL}")
    name = f"rigfarm_test_{secrets.token_hex(6)}"
    await server.execute(f"CREATE DATABASE {name}")
    storage = await Storage.open(f"{POSTGRESQL}/{name}")
    yield storage
    await storage.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()
