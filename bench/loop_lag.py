"""10,000 logs a second from 2,000 links (frames of one log): how late does the Commander's event loop get?

Must hold: p99 ≤ 50 ms. The lag is the Commander's own measure: by how much a 50 ms timer fires late.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from bench.report import Figure, cpu_seconds, percentile, report
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.load import LoadLink, a_log, connect
from rigfarm.wire.codec import encode

LINKS = 2_000
LOGS_PER_S = 10_000
SECONDS = 12.0
TICK_S = 0.01


async def _run(commander: CommanderProcess) -> tuple[int, list[float]]:
    made = commander.add_rigs([f"rig-{i:04d}" for i in range(LINKS)])
    links: list[LoadLink] = []
    for start in range(0, LINKS, 100):
        links += await asyncio.gather(*(connect(commander.url, [token]) for _, token in made[start : start + 100]))
    waits: list[float] = []
    for link in links:
        link.on_acks = _watch(link, waits)
    logs = [encode(a_log(0, time.time_ns() // 1_000_000 + i)) for i in range(500)]
    loop = asyncio.get_running_loop()
    started = loop.time()
    sent = 0
    while (passed := loop.time() - started) < SECONDS:
        while sent < passed * LOGS_PER_S:
            links[sent % LINKS].send_logs([logs[sent // LINKS % 500]])
            sent += 1
        await asyncio.sleep(TICK_S)
    await asyncio.sleep(0.6)
    acked = sum(link.acked for link in links)
    for link in links:
        link.close()
    return acked, waits


def _watch(link: LoadLink, waits: list[float]):  # type: ignore[no-untyped-def]
    def acked(first: int, last: int) -> None:
        now = time.perf_counter()
        waits.extend(now - link.sent_at.pop(seq) for seq in range(first, last + 1))

    return acked


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
        before, started = cpu_seconds(commander.pid), time.perf_counter()
        acked, waits = uvloop.run(_run(commander))
        share = (cpu_seconds(commander.pid) - before) / (time.perf_counter() - started)
        health = commander.api("GET", "/api/health")
    assert isinstance(health, dict)
    report(
        Figure(
            f"event-loop lag at {LOGS_PER_S:,} logs/s from {LINKS:,} links",
            f"p99 {health['loop_lag_p99_ms']:.1f} ms",
            target="p99 ≤ 50 ms",
            notes=f"{acked:,} logs durable; acknowledged p50 {percentile(waits, 0.5) * 1000:.0f} ms, "
            f"p99 {percentile(waits, 0.99) * 1000:.0f} ms (≤ 400 ms); CPU {share:.0%} of a core",
        )
    )


if __name__ == "__main__":
    main()
