from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.program.depot import Depot


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one
