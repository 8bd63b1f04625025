from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.sentry.identity.settings import Settings
from support.toy_commander import ToyCommander, toy_commander


@pytest.fixture
async def commander() -> AsyncIterator[ToyCommander]:
    async with toy_commander() as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "sentry", insecure_http=True, ui="off")
