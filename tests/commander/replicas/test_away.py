"""NATS or PostgreSQL away: the one that leads says so and goes on, nobody takes over, then everything arrives."""

from __future__ import annotations

import asyncio
import random
import signal
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from faults.relay import Relay
from faults.sender import Sender, stored
from support.nats_server import NatsServer
from support.replicas import ReplicaProcess, replicas

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Farm:
    """Two replicas, and a rig whose Sentry sends to the one that leads."""

    def __init__(self, first: ReplicaProcess, second: ReplicaProcess) -> None:
        self.first, self.second = first, second
        self.key = first.key
        self.sender = Sender(first.url, first.add_rigs(["rig"])[0], random.Random(1))

    async def health(self) -> dict[str, object]:
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"{self.first.url}/api/health", headers={"Authorization": f"Bearer {self.key}"})
            assert answer.status_code == 200, answer.text
            found: dict[str, object] = answer.json()
            return found

    async def says(self, words: str) -> None:
        while words not in str((await self.health()).get("problem")):
            await asyncio.sleep(0.1)

    async def is_well(self) -> None:
        while (await self.health())["status"] != "ok":
            await asyncio.sleep(0.1)

    async def ends_whole(self) -> None:
        """All that was sent is on both, once."""
        await self.sender.settled(120)
        await asyncio.sleep(2)  # the one that follows reads a message within a second
        for one in (self.second, self.first):
            await asyncio.to_thread(one.stop)
        for one in (self.first, self.second):
            numbers = stored(one.folder)[self.sender.rig_id]
            assert numbers == dict.fromkeys(range(1, self.sender.numbered + 1), 1), one.folder.name


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_nats_is_away(tmp_path: Path, nats: NatsServer, postgresql_url: str, how: str) -> None:
    with ExitStack() as stack:
        settings = {"nats_url": nats.url, "database_url": postgresql_url}
        made = await asyncio.to_thread(stack.enter_context, replicas(tmp_path, 2, settings))
        farm = await asyncio.to_thread(Farm, *made)
        await farm.sender.connect()
        farm.sender.send(10)
        await farm.sender.settled()
        if how == "killed":
            await asyncio.to_thread(nats.kill)
        else:
            nats.signal(signal.SIGSTOP)
        farm.sender.send(10)
        await farm.says("NATS")
        assert len(farm.sender.acked) == 10, "what NATS does not have is not acknowledged"
        page = await asyncio.to_thread(httpx.get, f"{farm.first.url}/login")
        assert page.status_code == 200
        await asyncio.sleep(10)
        assert not await asyncio.to_thread(lambda: farm.second.leads), "nobody takes over: it could not lead either"
        if how == "killed":
            await asyncio.to_thread(nats.start)
        else:
            nats.signal(signal.SIGCONT)
        await farm.sender.settled(120)
        await farm.is_well()
        await farm.ends_whole()


async def test_postgresql_is_away(tmp_path: Path, nats: NatsServer, postgresql_url: str) -> None:
    port = urlsplit(postgresql_url).port
    assert port is not None
    async with Relay(port) as relay:
        with ExitStack() as stack:
            url = postgresql_url.replace(f":{port}/", f":{urlsplit(relay.url).port}/")
            settings = {"nats_url": nats.url, "database_url": url}
            made = await asyncio.to_thread(stack.enter_context, replicas(tmp_path, 2, settings))
            farm = await asyncio.to_thread(Farm, *made)
            await farm.sender.connect()
            farm.sender.send(10)
            await farm.sender.settled()
            relay.become("refuse")
            farm.sender.send(10)
            await farm.sender.settled()
            await farm.says("database")
            await asyncio.sleep(10)
            assert not await asyncio.to_thread(lambda: farm.second.leads), "nobody can take over without it"
            relay.become("forward")
            await farm.is_well()
            assert "term=2" not in farm.second.log.read_text(), "the one that led still does"
            await farm.ends_whole()
