"""A restart with 10,000 rigs: how long until it is ready, and until every link is back? Is a page empty meanwhile?

Must hold: ready ≤ 2 s, all links back ≤ 30 s, no empty page. The Sentries are load links that try again with full
jitter up to 20 s, as real ones do.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import uvloop

from bench.report import Figure, report, resident_bytes
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.load import LoadLink, a_log, connect
from rigfarm.wire.codec import encode

RIGS = 10_000
CAP_S = 20.0


async def _stay(url: str, token: str, rig: int, back: list[float], welcome: asyncio.Semaphore) -> None:
    delay = 1.0
    chance = random.Random(rig)
    while True:
        try:
            async with welcome:
                link: LoadLink = await connect(url, [token])
        except (OSError, TimeoutError):
            await asyncio.sleep(chance.uniform(0, delay))
            delay = min(delay * 2, CAP_S)
            continue
        delay = 1.0
        back.append(time.perf_counter())
        link.send_logs([encode(a_log(rig, time.time_ns() // 1_000_000))])
        await link.lost.wait()
        await asyncio.sleep(chance.uniform(0, delay))


async def _run(commander: CommanderProcess) -> tuple[float, float, int, int]:
    made = commander.add_rigs([f"rig-{i:05d}" for i in range(RIGS)])
    back: list[float] = []
    gate = asyncio.Semaphore(500)
    tasks = [asyncio.create_task(_stay(commander.url, token, i, back, gate)) for i, (_, token) in enumerate(made)]
    while len(back) < RIGS:
        await asyncio.sleep(0.1)
    await asyncio.sleep(4)
    memory = resident_bytes(commander.pid)
    await asyncio.to_thread(commander.stop)
    back.clear()
    started = time.perf_counter()
    ready = await asyncio.to_thread(commander.start)
    stats = await asyncio.to_thread(commander.api, "GET", "/api/stats")
    assert isinstance(stats, dict)
    shown = stats["cpu-gpu"]["alive"]
    while len(back) < RIGS and time.perf_counter() - started < 120:
        await asyncio.sleep(0.1)
    all_back = max(back) - started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ready, all_back, shown, memory


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
        idle = resident_bytes(commander.pid)
        ready, all_back, shown, memory = uvloop.run(_run(commander))
    report(
        Figure(
            f"restart with {RIGS:,} rigs",
            f"ready after {ready:.1f} s, all links back after {all_back:.1f} s",
            target="≤ 2 s, ≤ 30 s",
            notes=f"{shown:,} rigs shown with their numbers the moment it was ready; memory {idle >> 20} MiB idle, "
            f"{(memory - idle) / RIGS / 1024:.0f} KiB per link and rig",
        )
    )


if __name__ == "__main__":
    main()
