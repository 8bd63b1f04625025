"""10,000 commands given at once: what does it cost to read all of them back, and what does nothing due cost?

Must hold: each check of 10,000 effects ≤ 2 s of CPU; ≤ 10 µs a second while nothing is due. Ceiling: what the commands
themselves cost when their results are stored.
"""

from __future__ import annotations

import asyncio
import tempfile
import time

from bench.report import Figure, report
from rigfarm.commander.events import Events
from rigfarm.commander.health import calm_garbage_collector
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage
from rigfarm.wire.commands import PowerLimit
from rigfarm.wire.frames import CommandResult
from support.effects import EffectFarm

RIGS = 10_000
IDLE = 10_000


def main() -> None:
    """Measure and report."""
    asyncio.run(_measure())


async def _measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = await Storage.open(f"sqlite:///{folder}/rigfarm.db")
        farm = await EffectFarm(storage, Hub(), Events()).loaded()
        rigs = await farm.asics(RIGS)
        for rig in rigs:
            farm.reports(rig)
        given = await farm.commands.give(PowerLimit(2_800), rigs)
        await asyncio.gather(*(farm.commands.waiting(one.rig_id, 0, connected=False) for one in given))
        began = time.process_time()
        results = (farm.commands.result(one.rig_id, CommandResult(one.id, 0, "done", "It obeys.")) for one in given)
        await asyncio.gather(*results)
        stored = time.process_time() - began
        farm.passes(30)
        for rig in rigs:
            farm.reports(rig, 2_790.0)
        calm_garbage_collector()
        longest = 0.0
        began = time.process_time()
        while True:
            turn = time.process_time()
            if not await farm.effects.tick():
                break
            longest = max(longest, time.process_time() - turn)
        checked = time.process_time() - began
        began = time.process_time()
        for _ in range(IDLE):
            await farm.effects.tick()
        idle = (time.process_time() - began) / IDLE * 1e6
        await farm.commands.close()
        await storage.close()
    report(
        Figure(
            f"effects of {RIGS:,} commands given at once, each of three checks",
            f"{checked:.2f} s of CPU",
            ratio=stored / checked,
            ceiling=f"storing their results, {stored:.2f} s",
            target="≤ 2 s",
            notes=f"longest turn {longest * 1e3:.0f} ms of CPU; while nothing is due {idle:.1f} µs a second",
        )
    )
