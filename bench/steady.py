"""What a log costs when farms are as they are: large rigs, each log from another link than the last, one under way.

Nothing here lies ready to be read together, so nothing is saved by doing much at once: this is the figure to size a
machine by. Ceiling: the echo server's CPU time for the same frames. Must hold: ≤ 60 µs a log, ≥ 70 % of the ceiling.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvloop

from bench.echo import running
from bench.farm import connect_all, many_files
from bench.report import Figure, cpu_seconds, percentile, report
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, Stamped, a_rich_log

LINKS = 1_000
RATES = (200, 2_000)
"""Logs a second of all links: a report every 5 s, and every half."""
WARM_S = 2.0
SECONDS = 10.0


async def _cost(url: str, tokens: list[str], pid: int) -> dict[int, tuple[float, list[float]]]:
    """By rate: µs of CPU a log, and s until each was acknowledged."""
    links = await connect_all(url, tokens)
    logs = [Stamped(a_rich_log(rig, utc_ms())) for rig in range(LINKS)]
    waits: list[float] = []
    for link in links:
        link.on_acks = _watch(link, waits)
    found = {}
    for rate in RATES:
        await _send(links, logs, rate, WARM_S)
        waits.clear()
        before = cpu_seconds(pid)
        sent = await _send(links, logs, rate, SECONDS)
        found[rate] = (cpu_seconds(pid) - before) * 1e6 / sent, list(waits)
    for link in links:
        link.close()
    return found


async def _send(links: list[LoadLink], logs: list[Stamped], rate: int, seconds: float) -> int:
    """Evenly, from one link after the other; one that still waits for its last log to be acknowledged is left out."""
    loop = asyncio.get_running_loop()
    began, turn, sent = loop.time(), 0, 0
    while (passed := loop.time() - began) < seconds:
        while turn < passed * rate:
            rig = turn % LINKS
            turn += 1
            if not links[rig].sent_at:
                links[rig].send_logs([logs[rig].at(utc_ms())])
                sent += 1
        await asyncio.sleep(1 / rate)
    return sent


def _watch(link: LoadLink, waits: list[float]) -> Callable[[int, int], None]:
    def acked(_first: int, last: int) -> None:
        waits.append(asyncio.get_running_loop().time() - link.sent_at.pop(last))

    return acked


def main() -> None:
    """Measure and report."""
    many_files()
    with running() as echo:
        ceilings = uvloop.run(_cost(echo.url, ["echo"] * LINKS, echo.pid))
    with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
        tokens = [token for _, token in commander.add_rigs([f"rig-{i:04d}" for i in range(LINKS)])]
        found = uvloop.run(_cost(commander.url, tokens, commander.pid))
    size = len(encode(a_rich_log(1, utc_ms())))
    for rate, (cost, waits) in found.items():
        ceiling = ceilings[rate][0]
        report(
            Figure(
                f"steady state: {LINKS:,} large rigs, {rate:,} logs/s",
                f"{cost:.0f} µs of CPU a log",
                ratio=ceiling / cost,
                ceiling=f"an echo server, {ceiling:.0f} µs a log",
                target="≤ 60 µs, ≥ 70 %",
                notes=f"{cost * rate / 1e4:.1f} % of a core; logs of {size:,} bytes; acknowledged p50 "
                f"{percentile(waits, 0.5) * 1000:.0f} ms, p99 {percentile(waits, 0.99) * 1000:.0f} ms",
            )
        )


if __name__ == "__main__":
    main()
