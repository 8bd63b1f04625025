"""10,000 logs a second from 2,000 links (frames of one log): how late does the Commander's event loop get?

Must hold: p99 ≤ 50 ms, acknowledged ≤ 400 ms after arrival. The lag is the Commander's own measure, over the time of
the load alone: by how much a 50 ms timer fires late. Ceiling: the CPU time that an echo server needs for the same.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.echo import running
from bench.farm import connect_all, many_files
from bench.report import Figure, cpu_seconds, percentile, report
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from support.load import LoadLink, Stamped, a_log

LINKS = 2_000
LOGS_PER_S = 10_000
SECONDS = 10.0
WARM_S = 1.0
TICK_S = 0.01


@dataclass
class _Load:
    """What came of it."""

    acked: int = 0
    cpu_s: float = 0.0
    waits: list[float] = field(default_factory=list)

    @property
    def cpu_us_per_log(self) -> float:
        return self.cpu_s * 1e6 / (LOGS_PER_S * SECONDS)


async def _run(url: str, tokens: list[str], pid: int) -> _Load:
    links = await connect_all(url, tokens)
    load = _Load()
    for link in links:
        link.on_acks = _watch(link, load.waits)
    logs = [Stamped(a_log(rig, utc_ms())) for rig in range(LINKS)]
    sent = await _send(links, logs, 0, WARM_S)
    load.waits.clear()
    before = cpu_seconds(pid)
    await _send(links, logs, sent, SECONDS)
    load.cpu_s = cpu_seconds(pid) - before
    await asyncio.sleep(0.6)
    load.acked = sum(link.acked for link in links)
    for link in links:
        link.close()
    return load


async def _send(links: list[LoadLink], logs: list[Stamped], sent: int, seconds: float) -> int:
    loop = asyncio.get_running_loop()
    first, started = sent, loop.time()
    while (passed := loop.time() - started) < seconds:
        while sent - first < passed * LOGS_PER_S:
            rig = sent % LINKS
            links[rig].send_logs([logs[rig].at(utc_ms())])
            sent += 1
        await asyncio.sleep(TICK_S)
    return sent


def _watch(link: LoadLink, waits: list[float]) -> Callable[[int, int], None]:
    def acked(first: int, last: int) -> None:
        now = time.perf_counter()
        waits.extend(now - link.sent_at.pop(seq) for seq in range(first, last + 1))

    return acked


def main() -> None:
    """Measure and report."""
    many_files()
    with running() as echo:
        ceiling = uvloop.run(_run(echo.url, ["echo"] * LINKS, echo.pid))
    with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
        tokens = [token for _, token in commander.add_rigs([f"rig-{i:04d}" for i in range(LINKS)])]
        load = uvloop.run(_run(commander.url, tokens, commander.pid))
        health = commander.api("GET", f"/api/health?seconds={SECONDS}")
    assert isinstance(health, dict)
    report(
        Figure(
            f"event-loop lag at {LOGS_PER_S:,} logs/s from {LINKS:,} links",
            f"p99 {health['loop_lag_p99_ms']:.0f} ms",
            ratio=ceiling.cpu_s / load.cpu_s,
            ceiling=f"an echo server's CPU time, {ceiling.cpu_us_per_log:.0f} µs a log; here {load.cpu_us_per_log:.0f}",
            target="p99 ≤ 50 ms",
            notes=f"{load.acked:,} logs durable; acknowledged p50 {percentile(load.waits, 0.5) * 1000:.0f} ms, p99 "
            f"{percentile(load.waits, 0.99) * 1000:.0f} ms after they were sent (must hold: ≤ 400 ms); longest pause "
            f"by the garbage collector {health['longest_gc_pause_ms']:.0f} ms",
        )
    )


if __name__ == "__main__":
    main()
