from __future__ import annotations

from collections.abc import Iterator

import pytest
from gated import Served, served


@pytest.fixture(scope="session")
def shared_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("farm")) as one:
        yield one


@pytest.fixture
def farm(shared_farm: Served) -> Served:
    """A Commander in which nothing has happened yet; starting one for every test would take too long."""
    shared_farm.reset()
    return shared_farm
