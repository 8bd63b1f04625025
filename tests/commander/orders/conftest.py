from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.orders import OrderBook
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.storage import Storage


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    yield storage
    await storage.close()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
async def rigs(storage: Storage, hub: Hub, events: Events) -> RigBook:
    rigs = RigBook(storage, hub, events)
    await rigs.load()
    return rigs


@pytest.fixture
async def orders(storage: Storage, hub: Hub, events: Events, rigs: RigBook) -> AsyncIterator[OrderBook]:
    orders = OrderBook(storage, hub, events, rigs)
    await orders.load()
    yield orders
    await orders.close()
