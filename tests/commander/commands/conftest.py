from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rigfarm.commander.commands import Commands
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage
from support.effects import effects_for


@pytest.fixture
async def rigs(storage: Storage, hub: Hub, events: Events) -> Rigs:
    rigs = Rigs(storage, hub, events)
    await rigs.load()
    return rigs


@pytest.fixture
async def commands(storage: Storage, hub: Hub, events: Events, rigs: Rigs) -> AsyncIterator[Commands]:
    commands = Commands(storage, hub, events, rigs, effects_for(storage, hub, events, rigs))
    await commands.load()
    yield commands
    await commands.close()
