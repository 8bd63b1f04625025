from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage
from support.effects import EffectFarm
from support.playbook_farm import postgresql_storage


@pytest.fixture
async def farm(storage: Storage, hub: Hub, events: Events) -> AsyncIterator[EffectFarm]:
    farm = await EffectFarm(storage, hub, events).loaded()
    yield farm
    await farm.commands.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_farm(
    request: pytest.FixtureRequest, storage: Storage, hub: Hub, events: Events
) -> AsyncIterator[EffectFarm]:
    """On both databases; PostgreSQL is skipped where none runs."""
    if request.param == "sqlite":
        farm = await EffectFarm(storage, hub, events).loaded()
        yield farm
        await farm.commands.close()
        return
    async with postgresql_storage() as other:
        farm = await EffectFarm(other, hub, events).loaded()
        yield farm
        await farm.commands.close()
