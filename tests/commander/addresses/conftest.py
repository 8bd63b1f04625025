from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.addresses.api import api_routes
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage
from rigfarm.commander.web.problems import problem_handlers


@pytest.fixture
async def book(storage: Storage, hub: Hub, events: Events, usage: Usage) -> AddressBook:
    book = AddressBook(storage, hub, events, usage)
    await book.load()
    return book


@pytest.fixture
async def client(book: AddressBook) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """The JSON API alone; the login has its own tests."""
    app = Litestar(
        [api_routes],
        dependencies={"addresses": Provide(lambda: book, sync_to_thread=False)},
        exception_handlers=problem_handlers(),
    )
    async with AsyncTestClient(app) as client:
        yield client
