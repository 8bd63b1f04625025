"""Two replicas: what they cost the one that leads, and how long a farm has none after it was killed.

Ceiling: a Commander of its own on SQLite, with the same links, in the same run. Must hold: another one leads ≤ 10 s. It
takes a PostgreSQL (RIGFARM_TEST_POSTGRESQL) and the program nats-server.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import uvloop

from bench.ingest import LINKS, WINDOW_LOGS, measure
from bench.report import Figure, cpu_seconds, percentile, report
from faults.databases import database
from rigfarm.simulate.commander import CommanderProcess
from support.nats_server import NatsServer
from support.replicas import ReplicaProcess, replicas

BATCH = 10
KILLS = 6
NAMES = [f"rig-{i:04d}" for i in range(LINKS)]


def _kill(gone: ReplicaProcess, other: ReplicaProcess) -> float:
    """How long until another one leads, s."""
    began = time.perf_counter()
    gone.kill()
    while not other.leads:
        time.sleep(0.02)
    return time.perf_counter() - began


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder, CommanderProcess(Path(folder)) as commander:
        tokens = [token for _, token in commander.add_rigs(NAMES)]
        alone = uvloop.run(measure(commander.url, tokens, BATCH, commander.pid))
    with (
        tempfile.TemporaryDirectory() as folder,
        NatsServer(Path(folder)) as nats,
        database("postgresql") as settings,
        replicas(Path(folder), 2, {**settings, "nats_url": nats.url}) as (first, second),
    ):
        tokens = [token for _, token in first.add_rigs(NAMES)]
        followed, began = cpu_seconds(second.pid), time.perf_counter()
        found = uvloop.run(measure(first.url, tokens, BATCH, first.pid))
        follows = (cpu_seconds(second.pid) - followed) / (time.perf_counter() - began)
        leads, other, waits = first, second, []
        for _ in range(KILLS):
            waits.append(_kill(leads, other))
            leads.start()
            time.sleep(3)
            leads, other = other, leads
    cost, alone_cost = found.cpu / found.rate * 1e6, alone.cpu / alone.rate * 1e6
    report(
        Figure(
            f"ingest with a replica that follows, frames of {BATCH}",
            f"{found.rate:,.0f} durable logs/s",
            ratio=found.rate / alone.rate,
            ceiling=f"a Commander alone: {alone.rate:,.0f} logs/s",
            notes=f"CPU a log {cost:.1f} µs (alone {alone_cost:.1f}); the one that follows took {follows:.0%} of a "
            f"core, and shared two cores with NATS, PostgreSQL and who sends; acknowledged p50 "
            f"{percentile(found.waits, 0.5) * 1000:.0f} ms, p99 {percentile(found.waits, 0.99) * 1000:.0f} ms with "
            f"{WINDOW_LOGS[BATCH] * LINKS:,} logs under way",
        )
    )
    report(
        Figure(
            "take-over after a kill -9",
            f"{percentile(waits, 0.5):.1f} s (median), {max(waits):.1f} s (longest of {KILLS})",
            target="≤ 10 s",
            notes="4 s of it are waiting whether the one that led still moves",
        )
    )


if __name__ == "__main__":
    main()
