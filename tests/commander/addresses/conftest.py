from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.live import Hub
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
async def book(storage: Storage, hub: Hub) -> AddressBook:
    book = AddressBook(storage, hub)
    await book.load()
    return book
