"""Sentries that reconnect, a Commander that restarts, and wall clocks that jump: nothing is wrong, so nothing fires, by
any of the rules that are on from the first start. Every clock is turned; what rigs report goes the way of real logs."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from rigfarm.commander.alerts.engine.watch import START_S
from rigfarm.commander.stats import operational, remembered
from rigfarm.commander.stats.operational import LINK_GRACE_S
from rigfarm.commander.storage import Storage
from support.alerts import NOW_MS, AlertFarm
from support.load import a_log

RIGS = 12
EVERY_S = 5.0
STEP_S = 0.5
BACK_S = 25.0
"""So long after a start the last Sentry is back: they try again after 20 s at most."""
FAR_MS = 30 * 86_400_000
"""A Sentry's stamps follow a clock that goes back only beyond this."""
JUMPS_S = (2, -2, 40, -40, 90, -90, 3_600, -3_600, 86_400, -86_400, 400 * 86_400, -400 * 86_400)


class World:
    """A farm and its time: `mono` only goes on, `wall` may be set."""

    def __init__(self, storage: Storage, chance: random.Random) -> None:
        self.storage, self.chance = storage, chance
        self.mono, self.wall_ms = 1_000.0, NOW_MS
        self.farm = AlertFarm(storage, clock=[self.mono])
        self.due: dict[int, float] = {}
        """By rig: when it reports, on the steady clock; also while its link is gone."""
        self.back: dict[int, float] = {}
        """By rig whose link is gone: when it returns."""
        self.spooled: set[int] = set()
        """Rigs that made a log while their link was gone."""
        self.ahead_ms: dict[int, int] = {}
        """By rig: what a Welcome said, less the steady clock."""
        self.last_ms: dict[int, int] = {}
        self.happened: list[str] = []

    def monotonic(self) -> float:
        return self.mono

    def utc_ms(self) -> int:
        return self.wall_ms

    async def begin(self) -> None:
        await self.farm.load()
        ids = await self.farm.new_rigs(RIGS)
        for rig_id in ids:
            self.farm.stats.add(rig_id, "cpu-gpu")
            self.due[rig_id] = self.mono + self.chance.uniform(0.0, EVERY_S)
            self._connect(rig_id)

    def _turn(self) -> None:
        self.farm.clock[0], self.farm.base_ms = self.mono, self.wall_ms - int(self.mono * 1000)

    def _connect(self, rig_id: int) -> None:
        self.ahead_ms[rig_id] = self.wall_ms - int(self.mono * 1000)
        self.farm.stats.link_up(rig_id)
        self.back.pop(rig_id, None)
        if rig_id in self.spooled:
            self.spooled.discard(rig_id)
            self._report(rig_id)

    def _report(self, rig_id: int) -> None:
        stamp, last = self.ahead_ms[rig_id] + int(self.mono * 1000), self.last_ms.get(rig_id, 0)
        if last - FAR_MS < stamp <= last:
            stamp = last + 1
        self.last_ms[rig_id] = stamp
        self.farm.stats.receive(rig_id, replace(a_log(rig_id, 1_000_000), t=stamp))

    async def later(self, seconds: float) -> None:
        until = self.mono + seconds
        while self.mono < until:
            self.mono += STEP_S
            self.wall_ms += int(STEP_S * 1000)
            self._turn()
            for rig_id in [rig_id for rig_id, at in self.back.items() if at <= self.mono]:
                self._connect(rig_id)
            for rig_id, at in self.due.items():
                if at <= self.mono:
                    self.due[rig_id] = at + EVERY_S * self.chance.uniform(0.9, 1.1)
                    if rig_id in self.back:
                        self.spooled.add(rig_id)
                    else:
                        self._report(rig_id)
            self.farm.stats.tick(self.mono)
            await self.farm.alerts.step()
            assert not self.farm.watch.alerts, f"{self.farm.alerts.open[0].text} after: {self.happened[-4:]}"

    async def something_happens(self) -> None:
        match self.chance.choice(("reconnect", "reconnect", "restart", "jump")):
            case "reconnect":
                self.happened.append("reconnect")
                for rig_id in self.chance.sample(sorted(self.due), self.chance.randint(1, RIGS)):
                    if rig_id not in self.back:
                        self.farm.stats.link_lost(rig_id)
                        self.back[rig_id] = self.mono + self.chance.uniform(0.0, LINK_GRACE_S - STEP_S)
            case "restart":
                self.happened.append("restart")
                await self._restart()
            case _:
                jump_s = self.chance.choice(JUMPS_S)
                self.happened.append(f"clock {jump_s:+} s")
                self.wall_ms += jump_s * 1000
        await self.later(self.chance.uniform(1.0, 40.0))

    async def _restart(self) -> None:
        """As after `kill -9`: the next process has what the journal and the database say."""
        state = remembered.remember(self.farm.stats)()
        self.mono += (away := self.chance.uniform(0.5, 15.0))
        self.wall_ms += int(away * 1000)
        self.farm = AlertFarm(self.storage, clock=[self.mono])
        self._turn()
        self.farm.watch._quiet_until = self.mono + START_S
        await self.farm.load()
        remembered.restore(self.farm.stats, state, [])
        for rig_id in self.due:
            self.back[rig_id] = self.mono + self.chance.uniform(0.0, BACK_S)


async def _nothing_fires(folder: Path, patch: pytest.MonkeyPatch, events: int, seed: int) -> None:
    storage = await Storage.open(f"sqlite:///{folder / 'rigfarm.db'}")
    world = World(storage, random.Random(seed))
    patch.setattr(operational, "time", SimpleNamespace(monotonic=world.monotonic, time=lambda: world.wall_ms / 1000))
    patch.setattr(operational, "utc_ms", world.utc_ms)
    await world.begin()
    await world.later(60.0)
    for _ in range(events):
        await world.something_happens()
    await world.later(120.0)
    assert not world.farm.watch.open, "nor is anything about to fire"
    await storage.close()


async def test_nothing_fires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await _nothing_fires(tmp_path, monkeypatch, 40, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
async def test_nothing_fires_in_a_thousand_reconnects_restarts_and_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    await _nothing_fires(tmp_path, monkeypatch, 250, seed)


async def test_a_rig_that_stays_away_does_fire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others prove is not that nothing is ever found."""
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    world = World(storage, random.Random(1))
    monkeypatch.setattr(operational, "time", SimpleNamespace(monotonic=world.monotonic, time=lambda: 0.0))
    await world.begin()
    await world.later(60.0)
    world.farm.stats.link_lost(1)
    world.back[1] = world.mono + 60.0
    with pytest.raises(AssertionError, match="offline: link lost"):
        await world.later(10.0)
    await storage.close()
