from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from faults.databases import database
from rigfarm.commander.replicas.stream import Stream
from support.nats_server import NatsServer


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path) as server:
        yield server


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    with database("postgresql") as settings:
        yield settings["database_url"]


@pytest.fixture
async def stream(nats: NatsServer) -> AsyncIterator[Stream]:
    one = await Stream.open(nats.url, "farm", keep_s=3600, copies=1, who="a test")
    yield one
    await one.close()


@pytest.fixture
async def other(nats: NatsServer, stream: Stream) -> AsyncIterator[Stream]:
    """The same stream, as another replica sees it."""
    one = await Stream.open(nats.url, "farm", keep_s=3600, copies=1, who="another test")
    yield one
    await one.close()
