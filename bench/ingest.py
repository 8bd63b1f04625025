"""Durable logs per second: one Commander process on SQLite, 200 links, frames of 1 and of 10 logs.

Ceiling: an echo server on the same stack that decodes the same frames and acknowledges at once, in the same run.
Must hold: at least 50 % of it. Stated: how long an acknowledgement took (arrival is at the server; this includes the
way there and back).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import uvloop

from bench.report import Figure, cpu_seconds, percentile, report
from rigfarm.simulate.commander import CommanderProcess, free_port
from rigfarm.simulate.load import LoadLink, a_log, connect
from rigfarm.wire.codec import encode

LINKS = 200
SECONDS = 8.0
WINDOW_LOGS = 400


class _Pump:
    """Keeps a bounded number of logs under way on one link."""

    def __init__(self, link: LoadLink, rig: int, batch: int) -> None:
        self.link = link
        self.batch = batch
        self.under_way = 0
        self.durable = 0
        self.waits: list[float] = []
        start = time.time_ns() // 1_000_000
        self.logs = [encode(a_log(rig, start + i)) for i in range(200)]
        self.position = 0
        link.on_acks = self.acked

    def fill(self) -> None:
        while self.under_way < WINDOW_LOGS // (10 if self.batch == 1 else 1):
            chunk = [self.logs[(self.position + i) % 200] for i in range(self.batch)]
            self.position += self.batch
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


async def _measure(url: str, tokens: list[str], batch: int) -> tuple[float, list[float]]:
    links = [await connect(url, [token]) for token in tokens]
    pumps = [_Pump(link, i, batch) for i, link in enumerate(links)]
    for pump in pumps:
        pump.fill()
    await asyncio.sleep(1.5)
    for pump in pumps:
        pump.waits.clear()
    before, started = sum(pump.durable for pump in pumps), time.perf_counter()
    await asyncio.sleep(SECONDS)
    rate = (sum(pump.durable for pump in pumps) - before) / (time.perf_counter() - started)
    waits = [wait for pump in pumps for wait in pump.waits]
    for link in links:
        link.close()
    await asyncio.sleep(0.2)
    return rate, waits


def _echo(batch: int) -> float:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "bench.echo", str(port)])
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        rate, _ = uvloop.run(_measure(f"http://127.0.0.1:{port}", ["echo"] * LINKS, batch))
        return rate
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measure and report."""
    for batch in (1, 10):
        ceiling = _echo(batch)
        with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
            rigs = commander.add_rigs([f"rig-{i:04d}" for i in range(LINKS)])
            before = cpu_seconds(commander.pid)
            started = time.perf_counter()
            rate, waits = uvloop.run(_measure(commander.url, [token for _, token in rigs], batch))
            share = (cpu_seconds(commander.pid) - before) / (time.perf_counter() - started)
        report(
            Figure(
                f"ingest, frames of {batch}",
                f"{rate:,.0f} durable logs/s",
                ratio=rate / ceiling,
                ceiling=f"echo server that only decodes: {ceiling:,.0f} logs/s",
                target="≥ 50 %",
                notes=f"CPU {share:.0%} of a core; acknowledged p50 {percentile(waits, 0.5) * 1000:.0f} ms, "
                f"p99 {percentile(waits, 0.99) * 1000:.0f} ms under full load",
            )
        )


if __name__ == "__main__":
    main()
