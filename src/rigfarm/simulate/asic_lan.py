"""A LAN full of fake ASICs, read by one real Sentry; and something happens to one of them now and then."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.lan import LanAsics
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.ui.server import serve_page
from rigfarm.simulate.asic import FakeAsic, FakeAsicFarm, mixed
from rigfarm.simulate.asic.makes.base import RPC_PORT
from rigfarm.simulate.commander import free_port

__all__ = ["AsicLan"]

NETWORKS = [f"127.0.{number}.0/24" for number in range(2, 250, 2)]
"""The first that is free is taken, for another user may show a demo on this machine."""
MIX = ("antminer-stock", "luxos", "whatsminer", "braiins", "iceriver", "bitaxe") * 3 + ("epic",)
"""The ePIC, as it was recorded, has lost a board."""
UNLISTED = 4
"""Devices that are not enrolled yet: a scan finds them."""
DIES_AFTER_S, IS_MENDED_AFTER_S = 30.0, 150.0
HEATS_AFTER_S, COOLS_AFTER_S = 20.0, 120.0
LEAVES_AFTER_S, RETURNS_AFTER_S = 45.0, 60.0
HOTTER_C = 25.0


class AsicLan:
    """`async with AsicLan(…) as lan, lan.read(commander, tokens):`; `url` and `password` are of the Sentry's page."""

    def __init__(self, count: int, folder: Path) -> None:
        devices, self.left_out = mixed(count + UNLISTED, MIX)
        """A line for people when ports below 1024 cannot be had, else empty."""
        self.network = _free_network()
        self._farm = FakeAsicFarm(devices, self.network)
        self._folder = folder
        self._asics = LanAsics(folder)
        self.count = max(0, len(devices) - UNLISTED)
        self.password = secrets.token_urlsafe(9)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/asics"

    @property
    def names(self) -> list[str]:
        """Of the rigs, one for each listed device."""
        return [f"asic-{number:02}" for number in range(1, self.count + 1)]

    async def __aenter__(self) -> AsicLan:
        await asyncio.gather(self._farm.__aenter__(), self._asics.wake())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._farm.stop()

    @contextlib.asynccontextmanager
    async def read(self, commander: str, tokens: list[str]) -> AsyncIterator[None]:
        """The Sentry reads and reports them, one token each, until the block ends."""
        settings = Settings(
            data_dir=self._folder,
            commander=commander,
            insecure_http=True,
            ui=f"127.0.0.1:{self.port}",
            ui_password=await asyncio.to_thread(hash_password, self.password),
        )
        assert self._asics.part is not None
        listed = zip(self._farm.devices, self.names, tokens, strict=False)
        await self._asics.part.service.add(*[Entry(ip, name, token) for ip, name, token in listed])
        agent = Agent(settings, [self._asics], serve=serve_page)
        running = asyncio.create_task(agent.run(), name="ASIC Sentry")
        mishaps = asyncio.create_task(self._mishaps(), name="ASIC mishaps")
        try:
            yield
        finally:
            mishaps.cancel()
            agent.stop()
            await asyncio.gather(running, mishaps, return_exceptions=True)

    async def _mishaps(self) -> None:
        """A board dies and is replaced, one device gets no air, one loses its cable; over and over."""
        listed = list(self._farm.devices)[: self.count]
        async with asyncio.TaskGroup() as mishaps:
            for ip in listed[1::17][:2]:
                mishaps.create_task(self._board(self._farm[ip]))
            for ip in listed[4::40][:1]:
                mishaps.create_task(self._heat(self._farm[ip]))
            for ip in listed[9::40][:1]:
                mishaps.create_task(self._cable(ip))

    async def _board(self, device: FakeAsic) -> None:
        while True:
            await asyncio.sleep(DIES_AFTER_S)
            device.dead_boards.add(0)
            await asyncio.sleep(IS_MENDED_AFTER_S)
            device.dead_boards.clear()

    async def _heat(self, device: FakeAsic) -> None:
        while True:
            await asyncio.sleep(HEATS_AFTER_S)
            device.hotter_c = HOTTER_C
            await asyncio.sleep(COOLS_AFTER_S)
            device.hotter_c = 0.0

    async def _cable(self, ip: str) -> None:
        while True:
            await asyncio.sleep(LEAVES_AFTER_S)
            self._farm.unplug(ip)
            await asyncio.sleep(RETURNS_AFTER_S)
            await self._farm.plug_in(ip)


def _free_network() -> str:
    """One whose first device could listen."""
    for network in NETWORKS:
        with socket.socket() as probe:
            try:
                probe.bind((network.replace(".0/24", ".1"), RPC_PORT))
            except OSError:
                continue
        return network
    raise OSError("No network of the loopback device is free for fake ASICs.")
