from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
async def rigs(storage: Storage, hub: Hub) -> RigBook:
    rigs = RigBook(storage, hub)
    await rigs.load()
    return rigs


@pytest.fixture
async def orders(storage: Storage, hub: Hub, rigs: RigBook) -> AsyncIterator[OrderBook]:
    orders = OrderBook(storage, hub, rigs)
    await orders.load()
    yield orders
    await orders.close()
