"""Durable logs per second: one Commander process on SQLite, 200 links, frames of 1 and of 10 logs.

Ceiling: an echo server on the same stack that decodes the same frames and keeps nothing, in the same run.
Must hold: at least 50 % of it, ≥ 15,000 logs/s in frames of 1 and ≥ 40,000 in frames of 10. Each link has so many logs
under way that nobody waits for an acknowledgement: the server is what limits.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.echo import running
from bench.farm import connect_all
from bench.report import Figure, cpu_seconds, percentile, report
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from support.load import LoadLink, Stamped, a_log

LINKS = 200
SECONDS = 6.0
WARM_S = 1.5
WINDOW_LOGS = {1: 200, 10: 600}
"""Under way on each link, by logs in a frame."""


class _Pump:
    """Keeps a bounded number of logs under way on one link."""

    def __init__(self, link: LoadLink, rig: int, batch: int) -> None:
        self.link = link
        self.batch = batch
        self.under_way = 0
        self.durable = 0
        self.waits: list[float] = []
        self.t = utc_ms()
        self.logs = [Stamped(a_log(rig, self.t + i)) for i in range(200)]
        link.on_acks = self.acked

    def fill(self) -> None:
        while self.under_way < WINDOW_LOGS[self.batch]:
            chunk = [self.logs[t % 200].at(t) for t in range(self.t, self.t + self.batch)]
            self.t += self.batch
            self.link.send_logs(chunk)
            self.under_way += self.batch

    def acked(self, first: int, last: int) -> None:
        now = time.perf_counter()
        count = last - first + 1
        self.durable += count
        self.under_way -= count
        for seq in range(first, last + 1):
            sent = self.link.sent_at.pop(seq, None)
            if sent is not None:
                self.waits.append(now - sent)
        self.fill()


@dataclass
class _Measured:
    """Logs a second, shares of a core of the server and of this process, and how long acknowledgements took."""

    rate: float
    cpu: float
    own_cpu: float
    waits: list[float]


async def measure(url: str, tokens: list[str], batch: int, pid: int) -> _Measured:
    """What a server at this URL takes, with so many logs in a frame; `pid` is its process."""
    links = await connect_all(url, tokens)
    pumps = [_Pump(link, i, batch) for i, link in enumerate(links)]
    for pump in pumps:
        pump.fill()
    await asyncio.sleep(WARM_S)
    for pump in pumps:
        pump.waits.clear()
    durable, cpu, own = sum(pump.durable for pump in pumps), cpu_seconds(pid), time.process_time()
    started = time.perf_counter()
    await asyncio.sleep(SECONDS)
    passed = time.perf_counter() - started
    measured = _Measured(
        (sum(pump.durable for pump in pumps) - durable) / passed,
        (cpu_seconds(pid) - cpu) / passed,
        (time.process_time() - own) / passed,
        [wait for pump in pumps for wait in pump.waits],
    )
    for link in links:
        link.close()
    await asyncio.sleep(0.2)
    return measured


def main() -> None:
    """Measure and report."""
    for batch, at_least in ((1, 15_000), (10, 40_000)):
        with running() as echo:
            ceiling = uvloop.run(measure(echo.url, ["echo"] * LINKS, batch, echo.pid))
        with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
            tokens = [token for _, token in commander.add_rigs([f"rig-{i:04d}" for i in range(LINKS)])]
            found = uvloop.run(measure(commander.url, tokens, batch, commander.pid))
        report(
            Figure(
                f"ingest, frames of {batch}",
                f"{found.rate:,.0f} durable logs/s",
                ratio=found.rate / ceiling.rate,
                ceiling=f"an echo server that only decodes: {ceiling.rate:,.0f} logs/s",
                target=f"≥ 50 %, ≥ {at_least:,}",
                notes=f"the Commander took {found.cpu:.0%} of a core, the echo server {ceiling.cpu:.0%}, who sends "
                f"{found.own_cpu:.0%} and {ceiling.own_cpu:.0%}; acknowledged p50 "
                f"{percentile(found.waits, 0.5) * 1000:.0f} ms, p99 {percentile(found.waits, 0.99) * 1000:.0f} ms with "
                f"{WINDOW_LOGS[batch] * LINKS:,} logs under way",
            )
        )


if __name__ == "__main__":
    main()
