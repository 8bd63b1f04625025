"""What tests of the nouns share: a database of their own, and the parts that every noun is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage, sqlite
from rigfarm.commander.usage import Usage
from support.ready_database import create_file


@pytest.fixture(autouse=True, scope="module")
def ready_databases() -> Iterator[None]:
    """New databases needn't be migrated."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite, "create_file", create_file)
        yield


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
def usage() -> Usage:
    return Usage()
