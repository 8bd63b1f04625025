"""A trial of the ASIC Sentry: a farm of its own addresses, a quick pace, somebody to report to; for tests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

from rigfarm.sentry.asic import AsicPart, AsicService
from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.poller import Pace
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.sentry.asic.unit import Unit
from rigfarm.simulate.asic import FakeAsic, FakeAsicFarm, can_bind_low_ports
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs
from rigfarm.wire.tokens import new_token
from support.until import until

__all__ = ["LOW_PORTS", "QUICK", "Ear", "Sentry", "farm_of", "network", "sentry"]

LOW_PORTS = can_bind_low_ports()
QUICK = Pace(
    cycle=0.05,
    retry=0.03,
    reading=2.0,
    recognising=6.0,
    whole_every=0.15,
    chips_every=3600.0,
    first_checks_within=3600.0,
    backoff_max=0.2,
)
_networks = itertools.count(os.getpid() * 997 % 40_000)  # processes started together stay far apart


def network() -> str:
    """Loopback addresses nobody else uses: of this process, and of this test."""
    number = next(_networks)
    return f"127.{16 + number // 250 % 200}.{number % 250}.0/24"


@contextlib.asynccontextmanager
async def farm_of(*devices: FakeAsic | str, steady: bool = True) -> AsyncIterator[FakeAsicFarm]:
    """A farm of these makes or devices."""
    made = [FakeAsic(device, steady=steady) if isinstance(device, str) else device for device in devices]
    async with FakeAsicFarm(made, network()) as farm:
        yield farm


class Ear:
    """A `parts.Reporter` that remembers."""

    interval_s = 0.0

    def __init__(self) -> None:
        self.logs: defaultdict[str, list[OperationalLog]] = defaultdict(list)
        self.all_specs: defaultdict[str, list[Specs]] = defaultdict(list)
        self.all_boards: defaultdict[str, list[list[BoardDetail]]] = defaultdict(list)
        self.troubles: list[tuple[str, str, str]] = []
        self.changes = 0
        self._t = itertools.count(1)

    def now_ms(self, token: str) -> int:
        return next(self._t)

    def log(self, token: str, log: OperationalLog) -> None:
        self.logs[token].append(log)

    def specs(self, token: str, specs: Specs) -> None:
        self.all_specs[token].append(specs)

    def trouble(self, token: str, kind: str, detail: str) -> None:
        self.troubles.append((token, kind, detail))

    def boards(self, token: str, boards: list[BoardDetail]) -> None:
        self.all_boards[token].append(boards)

    def playbooks(self, token: str, statuses: list[PlaybookStatus]) -> None:
        raise AssertionError("an ASIC has none")

    def console(self, token: str, playbook: int, first: int, lines: list[str]) -> None:
        raise AssertionError("an ASIC has none")

    def tokens_changed(self) -> None:
        self.changes += 1


class Sentry:
    """A running AsicPart, and shorthands for what tests ask of it."""

    def __init__(self, part: AsicPart, ear: Ear) -> None:
        self.part = part
        self.service = part.service
        self.ear = ear

    async def add(self, ip: str, name: str = "", token: str | None = None, login: Login | None = None) -> str:
        """One more device; its token, which a Commander has found good."""
        token = token or new_token()
        await self.service.add(Entry(ip, name or None, token, login))
        await self.part.on_verdict(token, Verdict("ok"))
        return token

    def unit(self, ip: str) -> Unit:
        return next(unit for unit in self.service.roster if unit.ip == ip)

    def by(self, token: str) -> Unit:
        unit = self.service.roster.by_token(token)
        assert unit is not None
        return unit

    async def state(self, token: str, state: str, within_s: float = 60.0) -> Unit:
        """Wait until the device is in this state."""
        unit = self.by(token)
        await until(
            lambda: unit.shown_state == state, f"{state}; it is {unit.shown_state}: {unit.detail}", within_s=within_s
        )
        return unit

    async def reading(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            await self.state(token, "reading")

    @property
    def told(self) -> list[str]:
        return [line.text for line in self.service.happenings.since()]


@contextlib.asynccontextmanager
async def sentry(
    folder: Path, pace: Pace = QUICK, *, recogniser: Recogniser | None = None, effect_s: float = 60.0
) -> AsyncIterator[Sentry]:
    """An ASIC Sentry that works until the block ends."""
    service = partial(
        AsicService, folder, pace=pace, recogniser=recogniser, command_effect_s=effect_s, command_look_every_s=0.05
    )
    part, ear = AsicPart(service), Ear()
    await part.load()
    task = asyncio.create_task(part.run(ear))
    try:
        yield Sentry(part, ear)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
