from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.asic_trial import LOW_PORTS, Sentry, sentry


@pytest.fixture(autouse=True)
def _low_ports(request: pytest.FixtureRequest) -> None:
    """Most makes have their web page on port 80, which needs root or CAP_NET_BIND_SERVICE."""
    if not LOW_PORTS and "farm_of" in request.module.__dict__:
        pytest.skip("fake ASICs listen on port 80: run as root, or with CAP_NET_BIND_SERVICE")


@pytest.fixture
async def asics(tmp_path: Path) -> AsyncIterator[Sentry]:
    async with sentry(tmp_path) as running:
        yield running
