"""What a Commander weighs: idle, per link, over time; and what one page of fifty rows costs at 1,000 and 10,000 rigs.

Must hold: idle ≤ 130 MB, a link ≤ 40 KB, memory and open files flat, a page the same at any size of the farm.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.farm import linked
from bench.report import Figure, cpu_seconds, report, resident_bytes
from bench.web import login, look
from rigfarm.simulate.commander import CommanderProcess

SMALL, LARGE = 1_000, 10_000
EVERY_S = 10.0
PAGES = 20
SETTLED_S = 150.0
"""Memory steps up with the first two snapshots, which come once a minute."""
FLAT_S = 90.0
LOOK_S = 10.0
SETTLE_S = 2.0


@dataclass
class Weight:
    """Of one size of farm. Bytes, fds and shares of a core."""

    idle: int
    per_link: float
    links_s: float
    fds: tuple[int, int]
    reporting: int
    """Memory at the end, while every rig reports."""
    growth: float
    """Bytes a second while nothing but reports comes."""
    reports_cpu: float
    page_cpu: float
    page_bytes_per_minute: float


def measure(rigs: int, settled_s: float, flat_s: float) -> Weight:
    """One Commander, one farm that reports for `settled_s` and is then weighed for `flat_s`, twenty pages."""
    with (
        tempfile.TemporaryDirectory() as folder,
        CommanderProcess(Path(folder), settings={"report_interval_s": str(EVERY_S)}) as commander,
    ):
        time.sleep(SETTLE_S)
        idle = resident_bytes(commander.pid)
        tokens = [token for _, token in commander.add_rigs([f"rig-{i:05d}" for i in range(rigs)])]
        commander.stop()
        commander.start()
        time.sleep(SETTLE_S)
        known = resident_bytes(commander.pid)
        with linked(commander, tokens) as farm:
            time.sleep(SETTLE_S)
            per_link = (resident_bytes(commander.pid) - known) / rigs
            farm.report(EVERY_S)
            time.sleep(settled_s)
            fds = _open_files(commander.pid)
            memory: list[tuple[float, int]] = []
            reports_cpu = _share(commander.pid, lambda: _weigh(commander.pid, flat_s, memory))
            fds_after = _open_files(commander.pid)
            cookie = login(commander.url, commander.password)
            cpu, received = uvloop.run(_pages(commander, cookie, rigs))
    return Weight(
        idle,
        per_link,
        farm.links_s,
        (fds, fds_after),
        memory[-1][1],
        statistics.linear_regression(*zip(*memory, strict=True)).slope,
        reports_cpu,
        (cpu - reports_cpu) / PAGES,
        received / PAGES / LOOK_S * 60,
    )


def _weigh(pid: int, for_s: float, found: list[tuple[float, int]]) -> None:
    """Add (time, resident bytes) every second."""
    began = time.monotonic()
    while (now := time.monotonic()) < began + for_s:
        found.append((now, resident_bytes(pid)))
        time.sleep(1.0)


def _share(pid: int, work: Callable[[], None]) -> float:
    cpu, started = cpu_seconds(pid), time.perf_counter()
    work()
    return (cpu_seconds(pid) - cpu) / (time.perf_counter() - started)


async def _pages(commander: CommanderProcess, cookie: str, rigs: int) -> tuple[float, int]:
    """(share of a core, bytes) while pages look, each at another fifty rows."""
    received = [0]

    def see(text: str) -> None:
        received[0] += len(text)

    paths = [f"/rigs?sort=name&page={1 + i * rigs // 50 // PAGES}" for i in range(PAGES)]
    tasks = [asyncio.create_task(look(commander.url, path, cookie, see)) for path in paths]
    await asyncio.sleep(2 * SETTLE_S)
    received[0], cpu = 0, cpu_seconds(commander.pid)
    await asyncio.sleep(LOOK_S)
    share = (cpu_seconds(commander.pid) - cpu) / LOOK_S
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return share, received[0]


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def main() -> None:
    """Both sizes."""
    small, large = measure(SMALL, 2 * SETTLE_S, EVERY_S), measure(LARGE, SETTLED_S, FLAT_S)
    report(Figure("idle Commander", f"{large.idle / 1e6:.0f} MB", target="≤ 130 MB"))
    report(
        Figure(
            f"{LARGE:,} links",
            f"{large.per_link / 1e3:.0f} KB each",
            target="≤ 40 KB",
            notes=f"all up after {large.links_s:.1f} s; at {SMALL:,} links {small.per_link / 1e3:.0f} KB each",
        )
    )
    report(
        Figure(
            f"memory and open files, {LARGE:,} rigs every {EVERY_S:.0f} s",
            f"{large.growth * 60 / 1e6:+.2f} MB a minute, {large.fds[1] - large.fds[0]:+d} fds",
            target="flat",
            notes=f"{large.reporting / 1e6:.0f} MB, {large.fds[1]:,} fds; {large.reports_cpu:.0%} of a core; the slope "
            f"of {FLAT_S:.0f} s that begin after {SETTLED_S:.0f} s. In its first hour the index of the journal's rows "
            "grows by 8 bytes a log, half a megabyte a minute here",
        )
    )
    report(
        Figure(
            f"one page of 50 rows, {LARGE:,} rigs",
            f"{large.page_bytes_per_minute / 1024:.0f} KiB a minute, {large.page_cpu:.2%} of a core",
            ratio=small.page_bytes_per_minute / large.page_bytes_per_minute,
            ceiling=f"the same at {SMALL:,} rigs: {small.page_bytes_per_minute / 1024:.0f} KiB, {small.page_cpu:.2%}",
            target="the same",
            notes=f"{PAGES} pages, each at other rows; rigs report every {EVERY_S:.0f} s; bytes before compression",
        )
    )


if __name__ == "__main__":
    main()
