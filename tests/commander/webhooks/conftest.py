"""Webhooks of a test's own, which may send to this machine as if it were another of the LAN."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator

import pytest

from rigfarm.commander.live import Hub
from rigfarm.commander.outbound.reach import Reach
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.delivery.post import Poster
from rigfarm.commander.webhooks.delivery.sender import Sender
from support.receiver import Receiver

HERE = Reach((ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def incidents() -> Incidents:
    return Incidents()


@pytest.fixture
def within_s() -> float:
    """How long a receiver has. On a busy machine, one that answers may take seconds."""
    return 60.0


@pytest.fixture
async def hooks(storage: Storage, hub: Hub, incidents: Incidents, within_s: float) -> Webhooks:
    hooks = Webhooks(storage, hub, incidents, Poster(HERE, within_s=within_s))
    await hooks.load()
    return hooks


@pytest.fixture
def repeats() -> int:
    """How often a sender tries again before it gives up."""
    return 3


@pytest.fixture
async def sender(storage: Storage, hub: Hub, hooks: Webhooks, repeats: int) -> AsyncIterator[Sender]:
    """Running; it repeats after a tenth of a second."""
    sender = Sender(storage, hub, hooks, backoff_s=(0.1,) * repeats, look_s=0.05)
    task = asyncio.create_task(sender.run(Part("webhooks")))
    yield sender
    task.cancel()
    await asyncio.wait({task})
