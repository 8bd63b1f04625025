"""A simulated farm: every rig is the real Sentry code, reading fake mining programs over real sockets and simulated
sensors, and something happens to it now and then."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.miners import adapters, read
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.rig.part import RigPart
from rigfarm.simulate.miners.model import Model
from rigfarm.simulate.miners.program import programs
from rigfarm.simulate.miners.server import FakeMiner
from rigfarm.simulate.program.reach import let_programs_in
from rigfarm.simulate.rigs import SimRig, SimulatedMachine, SimulatedSensors, demo_rigs

__all__ = ["SimulatedFarm", "SimulatedRig"]

log = structlog.get_logger()

GPU_PROGRAMS = (
    "lolminer",
    "trex",
    "teamredminer",
    "gminer",
    "srbminer",
    "rigel",
    "bzminer",
    "phoenixminer",
    "nanominer",
    "wildrig",
    "onezerominer",
    "ttminer",
)
CPU_PROGRAMS = ("xmrig", "cpuminer")
OVERHEATS_AFTER_S, COOLS_AFTER_S = 15.0, 120.0
FALLS_AFTER_S, RETURNS_AFTER_S = 40.0, 90.0
DROPS_AFTER_S, COMES_BACK_AFTER_S = 25.0, 45.0


class SimulatedRig:
    """One rig of the farm."""

    def __init__(self, rig: SimRig, token: str, commander: str, folder: Path, names: list[str], seed: int) -> None:
        self.rig = rig
        self.programs = names
        """The mining programs that it runs."""
        self._token: str | None = token
        self._commander = commander
        self._folder = folder
        self._fakes = [FakeMiner(name, self._model(name, seed), started_ago_s=3600.0 + 977.0 * seed) for name in names]
        self._agent: Agent | None = None

    def _model(self, name: str, seed: int) -> Model:
        return self.rig.mined_by(replace(programs()[name].example, seed=seed))

    async def run(self) -> None:
        """Its mining programs and its Sentry, until cancelled."""
        async with contextlib.AsyncExitStack() as stack:
            for fake in self._fakes:
                await stack.enter_async_context(fake)
            # The sockets close with the last of the Sentry, also when it is cancelled.
            self._agent = self._make_agent()
            follow = asyncio.create_task(self._follow_cards())
            stack.callback(follow.cancel)
            await self._agent.run()

    def _make_agent(self) -> Agent:
        known = adapters()

        async def ask(source: WorkloadSource) -> MinerReading:
            return await read(source, known[source.adapter])

        part = RigPart(
            self._token,
            partial(setattr, self, "_token"),
            SimulatedSensors(self.rig, self._folder / "gpus.json"),
            self._sources,
            ask,
            machine=SimulatedMachine(self.rig, uptime_s=86_400.0 + 7_777.0 * self.rig.seed % 900_000),
        )
        settings = Settings(data_dir=self._folder, commander=self._commander, insecure_http=True, ui="off")
        return Agent(settings, [part])

    def _sources(self) -> list[WorkloadSource]:
        return [
            WorkloadSource(
                fake.program.name,
                fake.port,
                coins=[algorithm.coin for algorithm in fake.model.algorithms],
                worker=self.rig.name,
            )
            for fake in self._fakes
        ]

    async def _follow_cards(self) -> None:
        """The programs see what happens to the cards."""
        while True:
            await asyncio.sleep(1.0)
            for fake in self._fakes:
                fake.model = self.rig.mined_by(fake.model)


class SimulatedFarm:
    """`async with SimulatedFarm(...)`: rigs that report to a Commander, one token each."""

    def __init__(self, commander: str, tokens: list[str], folder: Path) -> None:
        self.rigs: list[SimulatedRig] = []
        with_cards, without = itertools.cycle(GPU_PROGRAMS), itertools.cycle(CPU_PROGRAMS)
        for number, (rig, token) in enumerate(zip(demo_rigs(len(tokens)), tokens, strict=True)):
            names = [next(with_cards if rig.gpus else without)]
            if rig.gpus and number % 5 == 2:
                names.append("xmrig")
            self.rigs.append(SimulatedRig(rig, token, commander, folder / rig.name, names, number))
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> SimulatedFarm:
        self._tasks += [self._start(rig) for rig in self.rigs]
        self._tasks.append(asyncio.create_task(self._mishaps(), name="mishaps"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, rig: SimulatedRig) -> asyncio.Task[None]:
        task = asyncio.create_task(rig.run(), name=rig.rig.name)
        task.add_done_callback(_say_why_it_ended)
        return task

    async def _mishaps(self) -> None:
        """A card overheats and cools down again, a card falls off the bus, a rig drops and returns; over and over."""
        with_cards = [position for position, rig in enumerate(self.rigs) if rig.rig.gpus]
        if len(with_cards) < 2:
            return
        hot = self.rigs[with_cards[1]].rig.gpus[2]
        lost = self.rigs[with_cards[-1]].rig.gpus[1]
        async with asyncio.TaskGroup() as mishaps:
            mishaps.create_task(self._toggle(hot, "fan_broken", OVERHEATS_AFTER_S, COOLS_AFTER_S))
            mishaps.create_task(self._toggle(lost, "lost", FALLS_AFTER_S, RETURNS_AFTER_S))
            mishaps.create_task(self._drop(len(self.rigs) - 4))

    async def _toggle(self, card: object, what: str, after_s: float, for_s: float) -> None:
        while True:
            await asyncio.sleep(after_s)
            setattr(card, what, True)
            await asyncio.sleep(for_s)
            setattr(card, what, False)
            await asyncio.sleep(after_s)

    async def _drop(self, position: int) -> None:
        while True:
            await asyncio.sleep(DROPS_AFTER_S)
            self._tasks[position].cancel()
            await asyncio.gather(self._tasks[position], return_exceptions=True)
            await asyncio.sleep(COMES_BACK_AFTER_S)
            rig = self.rigs[position]
            self._tasks[position] = self._start(rig)
            await asyncio.sleep(120.0)


def _say_why_it_ended(task: asyncio.Task[None]) -> None:
    """A rig of the farm ends when it is cancelled, and else never."""
    if not task.cancelled():
        log.error("a simulated rig ended by itself", rig=task.get_name(), error=repr(task.exception()))


@contextlib.asynccontextmanager
async def this_machine(commander: str, token: str, folder: Path) -> AsyncIterator[None]:
    """This very machine as a rig, with its real sensors, and whatever playbooks it is given."""
    from rigfarm.sentry.rig.this_machine import ThisMachine

    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(let_programs_in, folder, beside=False)
    TokenStore(folder).save(token)
    settings = Settings(data_dir=folder, commander=commander, insecure_http=True, ui="off")
    agent = Agent(settings, [ThisMachine(settings)])
    task = asyncio.create_task(agent.run(), name="this machine")
    try:
        yield
    finally:
        agent.stop()
        await asyncio.gather(task, return_exceptions=True)
