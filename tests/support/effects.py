"""Effects for tests: those that commands need, and a farm whose clock is turned by hand."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from rigfarm.commander.commands import Commands
from rigfarm.commander.effects import Effects, Watch
from rigfarm.commander.events import EffectReverted, Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import CommandResult
from support.asic_load import an_asic_log, asic_specs

__all__ = ["EffectFarm", "effects_for"]


def effects_for(storage: Storage, hub: Hub, events: Events, rigs: Rigs) -> Effects:
    """With operational stats of their own, in which no rig reports."""
    return Effects(storage, hub, events, rigs, OperationalStats(hub, events, 10.0))


class EffectFarm:
    """ASICs, what they report, commands, and a clock that is turned by hand."""

    def __init__(self, storage: Storage, hub: Hub, events: Events) -> None:
        self.now_ms = 2_000_000_000_000
        self.storage = storage
        self.hub = hub
        self.events = events
        self.rigs = Rigs(storage, hub, events)
        self.stats = OperationalStats(hub, events, 10.0)
        self.reverted: list[EffectReverted] = []
        events.listen(EffectReverted, self.reverted.append)
        self.start()

    def start(self) -> None:
        """A Commander; what another one had in memory is gone."""
        self.effects = Effects(
            self.storage,
            self.hub,
            self.events,
            self.rigs,
            self.stats,
            wall_ms=lambda: self.now_ms,
            monotonic=lambda: self.now_ms / 1000,
        )
        self.commands = Commands(self.storage, self.hub, self.events, self.rigs, self.effects)

    async def loaded(self) -> EffectFarm:
        await self.rigs.load()
        await self.load()
        return self

    async def load(self) -> None:
        await self.effects.load()
        await self.commands.load()

    async def restart(self) -> None:
        await self.commands.close()
        self.start()
        await self.load()

    async def asics(self, number: int, firmware: str = "LuxOS") -> list[int]:
        made = await self.rigs.create_many([f"{firmware}-{n:05}" for n in range(number)], "asic")
        for rig, _ in made:
            self.rigs.said.specs(rig.id, replace(asic_specs(rig.id), firmware=firmware))
            self.stats.link_up(rig.id)
        await self.rigs.said.store()
        return [rig.id for rig, _ in made]

    def reports(
        self, rig_id: int, watts: float | None = 3_250.0, rate: float | None = 100e12, **values: object
    ) -> None:
        """Its log of this moment."""
        log = an_asic_log(rig_id, self.now_ms)
        workloads = [replace(log.workloads[0], hashrate=rate)]
        assert self.stats.receive(rig_id, replace(log, power_w=watts, workloads=workloads, **values))

    def passes(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    async def give(self, command: Command, rig_ids: list[int]) -> list[str]:
        """Given, sent, and done."""
        given = await self.commands.give(command, rig_ids)
        for one in given:
            await self.commands.waiting(one.rig_id, 0, connected=False)
        for one in given:
            await self.commands.result(one.rig_id, CommandResult(one.id, 0, "done", "It obeys."))
        return [one.id for one in given]

    async def check(self, rig_id: int, after_s: float, watts: float | None = 3_250.0, **values: Any) -> int:
        """Time passes, the rig reports, and what is due is checked."""
        self.passes(after_s)
        self.reports(rig_id, watts, **values)
        return await self.effects.tick()

    async def watch(self, command_id: str) -> Watch:
        return (await self.effects.of_commands([command_id]))[command_id]
