"""A restart with 10,000 rigs: how long until it is ready, and until every link is back? Is a page empty meanwhile?

Must hold: ready ≤ 2 s, all links back ≤ 30 s, no empty page. The Sentries are load links that try again with full
jitter up to 20 s, as real ones do.
"""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.farm import many_files
from bench.report import Figure, report
from bench.web import PageLoader, login
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log, connect

RIGS = 10_000
CAP_S = 20.0
GIVE_UP_S = 90.0


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
        link.send_logs([encode(a_log(rig, utc_ms()))])
        await link.lost.wait()
        await asyncio.sleep(chance.uniform(0, delay))


@dataclass
class _Restart:
    """Times in s from the start; what was seen the moment it was ready."""

    ready: float
    all_back: float
    alive: int
    rows: int
    faded: int
    page: float
    """How long somebody waited who logged in and looked at the index at that moment."""


async def _run(commander: CommanderProcess) -> _Restart:
    made = commander.add_rigs([f"rig-{i:05d}" for i in range(RIGS)])
    back: list[float] = []
    gate = asyncio.Semaphore(500)
    tasks = [asyncio.create_task(_stay(commander.url, token, i, back, gate)) for i, (_, token) in enumerate(made)]
    while len(back) < RIGS:
        await asyncio.sleep(0.1)
    await asyncio.sleep(4)
    await asyncio.to_thread(commander.stop)
    back.clear()
    started = time.perf_counter()
    ready = await asyncio.to_thread(commander.start)
    alive, page, page_s = await asyncio.to_thread(_seen, commander)
    while len(back) < RIGS and time.perf_counter() - started < GIVE_UP_S:
        await asyncio.sleep(0.1)
    all_back = max(back) - started if len(back) >= RIGS else float("nan")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    faded = len(re.findall(r'class="rig [^"]*faded', page))
    return _Restart(ready, all_back, alive, page.count('<tr id="rig-'), faded, page_s)


def _seen(commander: CommanderProcess) -> tuple[int, str, float]:
    """Rigs that count as alive, the first page of the index, and how long a login and that page took, s."""
    stats = commander.api("GET", "/api/stats")
    assert isinstance(stats, dict)
    started = time.perf_counter()
    page = PageLoader(commander.url, login(commander.url, commander.password)).html("/rigs")
    return stats["cpu-gpu"]["alive"], page, time.perf_counter() - started


def main() -> None:
    """Measure and report."""
    many_files()
    with tempfile.TemporaryDirectory() as folder:
        commander = CommanderProcess(Path(folder))
        empty = commander.start()
        try:
            found = uvloop.run(_run(commander))
        finally:
            commander.stop()
    report(
        Figure(
            f"restart with {RIGS:,} rigs",
            f"ready after {found.ready:.1f} s, all links back after {found.all_back:.1f} s",
            ratio=empty / found.ready,
            ceiling=f"a Commander without rigs, ready after {empty:.1f} s",
            target="≤ 2 s, ≤ 30 s, no empty page",
            notes=f"the moment it was ready {found.alive:,} rigs counted with their numbers, and the first page of the "
            f"index showed {found.rows} rows, {found.faded} of them without numbers, {found.page:.1f} s after somebody "
            "began to log in",
        )
    )


if __name__ == "__main__":
    main()
