"""A thousand ASICs on a 10 s cycle from one Sentry: CPU, memory, was each read in time, and how with 200 of them dead.

The Sentry is the real one (agent, spool, link) in this process; the devices are fakes of all makes in others, its
Commander an echo. Ceiling: the library alone, asking the same questions of the same devices, with nothing done with the
answers. `RIGFARM_BENCH_FULL=1` looks at 500 cycles for growth; otherwise at 60.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from bench.report import Figure, cpu_seconds, percentile, report, resident_bytes
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.asic import AsicPart, AsicService
from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.poller import Pace
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.readers.library import LibraryReader, identify
from rigfarm.sentry.asic.readers.plan import steps
from rigfarm.sentry.asic.rhythm import TICK_S
from rigfarm.sentry.asic.unit import Unit
from rigfarm.sentry.identity.settings import Settings
from rigfarm.wire.tokens import new_token

DEVICES, DEAD = 1_000, 200
CYCLE_S = 10.0
MEASURED_S = 60.0
GROWTH_DEVICES, GROWTH_CYCLE_S = 100, 0.5
GROWTH_CYCLES = 500 if os.environ.get("RIGFARM_BENCH_FULL") else 60


@contextlib.contextmanager
def fakes(count: int, network: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process with so many fakes, and their addresses."""
    command = [sys.executable, "-m", "rigfarm.simulate.asic", "--count", str(count), "--network", network]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        addresses: list[str] = []
        for line in process.stdout:
            if line.startswith("ready"):
                break
            if line[0].isdigit():
                addresses.append(line.split()[0])
            else:
                print(line.strip())
        yield process, addresses
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


@contextlib.contextmanager
def echo() -> Iterator[str]:
    """A Commander that welcomes every token and acknowledges every log."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.echo", str(port)])
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


class Timed(AsicPart):
    """It notes when each unit was read, and reads as often as its pace allows."""

    at: dict[Unit, list[float]] | None = None
    hurries = False

    @property
    def interval_s(self) -> float:
        return 0.0 if self.hurries else super().interval_s

    def on_reading(self, unit: Unit, reading: AsicReading) -> None:
        if self.at is not None:
            self.at.setdefault(unit, []).append(time.monotonic())
        super().on_reading(unit, reading)


@contextlib.asynccontextmanager
async def sentry(folder: Path, commander: str, addresses: list[str], pace: Pace) -> AsyncIterator[Timed]:
    """A Sentry that reads these, until the block ends."""
    part = Timed(partial(AsicService, folder, pace=pace))
    await part.load()
    await part.service.add(*[Entry(ip, token=new_token()) for ip in addresses])
    agent = Agent(Settings(data_dir=folder, ui="off", commander=commander, insecure_http=True), [part])
    task = asyncio.create_task(agent.run())
    try:
        yield part
    finally:
        agent.stop()
        await task


@dataclass
class Beats:
    """When each unit was read, during a measurement."""

    part: Timed
    at: dict[Unit, list[float]] = field(default_factory=dict)

    async def watch(self, seconds: float) -> None:
        self.part.at = self.at
        await asyncio.sleep(seconds)
        self.part.at = None

    def gaps(self, units: list[Unit]) -> list[float]:
        """s between two readings of the same unit."""
        return [b - a for unit in units for a, b in zip(self.at.get(unit, []), self.at.get(unit, [])[1:], strict=False)]

    def fewest(self, units: list[Unit]) -> int:
        return min(len(self.at.get(unit, [])) for unit in units)


async def all_read(service: AsicService, within_s: float = 120.0) -> float:
    """Wait until every device was read once; how long that took, s."""
    started = time.monotonic()
    while not all(unit.cycles for unit in service.roster):
        if time.monotonic() - started > within_s:
            late = [f"{unit.ip} {unit.detail}" for unit in service.roster if not unit.cycles]
            raise SystemExit(f"{len(late)} devices were never read: {late[:3]}")
        await asyncio.sleep(0.1)
    return time.monotonic() - started


class Alone(NamedTuple):
    """CPU s a reading costs in the library alone."""

    flat_out: float
    paced: float
    """In the Sentry's rhythm: between two groups its threads sleep and the caches are others'."""


_MINUTE = [Scope.WHOLE, Scope.PULSE, Scope.PULSE, Scope.ROUND, Scope.PULSE, Scope.PULSE]
"""What a device is asked in six cycles."""


async def library_alone(addresses: list[str]) -> Alone:
    """The same questions asked, the answers thrown away."""
    readers = [reader for reader in [await identify(ip, None) for ip in addresses] if reader is not None]

    async def read(reader: LibraryReader, scope: Scope) -> None:
        for step in steps(reader.nature.firmware or "", scope):
            await reader._miner.get_data(exclude=step.exclude)

    await asyncio.gather(*[read(reader, Scope.WHOLE) for reader in readers])

    async def minute(group: int, apart_s: float) -> float:
        before = cpu_seconds(os.getpid())
        for scope in _MINUTE:
            for start in range(0, len(readers), group):
                rest = asyncio.create_task(asyncio.sleep(apart_s))
                await asyncio.gather(*[read(reader, scope) for reader in readers[start : start + group]])
                await rest
        return (cpu_seconds(os.getpid()) - before) / (len(_MINUTE) * len(readers))

    return Alone(await minute(20, 0), await minute(round(DEVICES / CYCLE_S * TICK_S), TICK_S))


async def poll() -> None:
    with fakes(DEVICES - DEAD, "127.44.0.0/16") as (_, living), fakes(DEAD, "127.45.0.0/16") as (mortal, mortals):
        alone = await library_alone(living[:140])
        with echo() as commander, tempfile.TemporaryDirectory() as folder:
            async with sentry(Path(folder), commander, living + mortals, Pace(cycle=CYCLE_S)) as part:
                took = await all_read(part.service)
                await asyncio.sleep(4 * CYCLE_S)
                await _thousand(part, alone, took)
                mortal.send_signal(signal.SIGSTOP)  # its devices take connections and never answer
                await asyncio.sleep(6 * CYCLE_S)
                await _with_the_dead(part, set(mortals))


async def _thousand(part: Timed, alone: Alone, took: float) -> None:
    units, beats, pid = list(part.service.roster), Beats(part), os.getpid()
    before, started = cpu_seconds(pid), time.monotonic()
    await beats.watch(MEASURED_S)
    cpu = cpu_seconds(pid) - before
    readings = sum(len(at) for at in beats.at.values())
    share, gaps = cpu / (time.monotonic() - started), beats.gaps(units)
    expected = int(MEASURED_S / CYCLE_S)
    late = sum(len(beats.at.get(unit, [])) < expected - 1 for unit in units)
    report(
        Figure(
            f"ASICs: {len(units)} on a {CYCLE_S:g} s cycle, one Sentry",
            f"{share:.1%} of a core, {resident_bytes(pid) / 1e6:.0f} MB RSS, {len(os.listdir(f'/proc/{pid}/fd'))} fds",
            ratio=alone.flat_out / (cpu / readings),
            ceiling=f"the library alone and flat out, {alone.flat_out * 1e3:.2f} ms of CPU a reading",
            target="≤ 15 % of a core, ≤ 250 MB, every one in time",
            notes=f"{late} read too rarely (fewest {beats.fewest(units)} readings in {MEASURED_S:g} s); between two "
            f"readings p50 {percentile(gaps, 0.5):.2f} s, p99 {percentile(gaps, 0.99):.2f} s, longest {max(gaps):.2f} "
            f"s; all read once {took:.1f} s after the start. One core could carry about {len(units) / share:,.0f}: "
            f"what stops it there is the library's work on sockets: alone but in this rhythm it takes "
            f"{alone.paced * 1e3:.2f} ms of CPU a reading, {alone.paced / (cpu / readings):.0%} of all.",
        )
    )


async def _with_the_dead(part: Timed, dead: set[str]) -> None:
    service, beats, pid = part.service, Beats(part), os.getpid()
    living = [unit for unit in service.roster if unit.ip not in dead]
    before, started = cpu_seconds(pid), time.monotonic()
    await beats.watch(MEASURED_S)
    share = (cpu_seconds(pid) - before) / (time.monotonic() - started)
    gaps = beats.gaps(living)
    unread = sum(unit.state == "unreachable" for unit in service.roster)
    report(
        Figure(
            f"ASICs: {len(living)} living beside {len(dead)} dead",
            f"between two readings p99 {percentile(gaps, 0.99):.2f} s, longest {max(gaps):.2f} s",
            target="no later for the living",
            notes=f"fewest {beats.fewest(living)} readings in {MEASURED_S:g} s; {unread} shown unreachable; "
            f"{share:.1%} of a core",
        )
    )


async def growth() -> None:
    """Memory and sockets over many short cycles."""
    pid = os.getpid()
    with (
        fakes(GROWTH_DEVICES, "127.46.0.0/16") as (_, addresses),
        echo() as commander,
        tempfile.TemporaryDirectory() as d,
    ):
        async with sentry(Path(d), commander, addresses, Pace(cycle=GROWTH_CYCLE_S, whole_every=6.0)) as part:
            service, part.hurries = part.service, True
            await all_read(service)
            await asyncio.sleep(20 * GROWTH_CYCLE_S)
            points: list[tuple[float, float, float]] = []
            start = min(unit.cycles for unit in service.roster)
            while (done := min(unit.cycles for unit in service.roster) - start) < GROWTH_CYCLES:
                points.append((done, resident_bytes(pid) / 1e6, len(os.listdir(f"/proc/{pid}/fd"))))
                await asyncio.sleep(1.0)
    memory, files = slope([(x, m) for x, m, _ in points]), slope([(x, f) for x, _, f in points])
    report(
        Figure(
            f"ASICs: growth over {GROWTH_CYCLES} cycles of {GROWTH_DEVICES} devices",
            f"{memory * 100:+.3f} MB and {files * 100:+.2f} fds per 100 cycles",
            target="flat",
            notes=f"from {points[0][1]:.1f} to {points[-1][1]:.1f} MB, from {points[0][2]} to {points[-1][2]} fds",
        )
    )


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares."""
    n = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    over = sum((x - x_mean) ** 2 for x, _ in points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / over if over else 0.0


def main() -> None:
    """Both measurements."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(poll())
    asyncio.run(growth())


if __name__ == "__main__":
    main()
