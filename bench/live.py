"""Log arrival to changed row in a subscribed WebSocket, under the load of a whole farm, many pages looking at it.

Every log carries another number of shares, which its row shows: a page client knows which log a row came from, and when
that was sent (so the way to the Commander is included).

    python -m bench live              1,000 rigs every 5 s, 20 pages: p99 ≤ 300 ms
    python -m bench live_10k          10,000 rigs every 10 s, 100 pages, each at another part of the farm
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path

import uvloop
from msgspec.structs import replace

from bench.farm import connect_all, many_files
from bench.report import Figure, percentile, report, resident_bytes
from bench.web import Watching, login, look
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log

_ROW = re.compile(r'<tr id="rig-(\d+)".*?c-shares n">([^<]+)<', re.S)


class _Pages(Watching):
    """Live pages that only look."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[tuple[int, int], float] = {}
        """When the log of a rig with so many shares was sent."""

    def see(self, text: str) -> None:
        """A frame arrived."""
        now = time.perf_counter()
        if not self.measuring:
            return
        self.bytes += len(text)
        for rig, shares in _ROW.findall(text):
            self.rows += 1
            sent = self.sent.get((int(rig), int("".join(filter(str.isdigit, shares)))))
            if sent is not None:
                self.waits.append(now - sent)


async def _report_for_ever(looking: _Pages, link: LoadLink, rig: int, every: float, phase: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + phase
    pattern = a_log(rig, 1)
    shares = 1_000
    while True:
        await asyncio.sleep(max(due - loop.time(), 0))
        shares += 1
        workload = replace(pattern.workloads[0], accepted=shares)
        log = encode(replace(pattern, t=utc_ms(), workloads=[workload]))
        looking.sent[rig, shares] = time.perf_counter()
        link.send_logs([log])
        due += every


async def _run(commander: CommanderProcess, rigs: int, every: float, pages: int, seconds: float) -> _Pages:
    made = commander.add_rigs([f"rig-{i:05d}" for i in range(rigs)])
    tasks: list[asyncio.Task[None]] = []
    links = await connect_all(commander.url, [token for _, token in made])
    looking = _Pages()
    for i, link in enumerate(links):
        tasks.append(asyncio.create_task(_report_for_ever(looking, link, made[i][0], every, every * i / rigs)))
    await asyncio.sleep(every + 1)
    cookie = await asyncio.to_thread(login, commander.url, commander.password)
    last = max(rigs // 50, 1)
    for i in range(pages):
        path = f"/rigs?sort=name&page={1 + i % last}"
        tasks.append(asyncio.create_task(look(commander.url, path, cookie, looking.see)))
    await asyncio.sleep(3)
    await looking.measure(commander.pid, tasks, seconds)
    return looking


def measure(rigs: int, every: float, pages: int, seconds: float = 20.0) -> None:
    """Run one size and report it."""
    many_files()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"report_interval_s": str(every)}
        with CommanderProcess(Path(folder), settings=settings) as commander:
            idle = resident_bytes(commander.pid)
            looking = uvloop.run(_run(commander, rigs, every, pages, seconds))
            memory = resident_bytes(commander.pid)
            health = commander.api("GET", f"/api/health?seconds={seconds:.0f}")
    assert isinstance(health, dict)
    per_page_minute = looking.bytes / pages / seconds * 60
    report(
        Figure(
            f"log to changed row, {rigs:,} rigs every {every:.0f} s, {pages} pages",
            f"p50 {percentile(looking.waits, 0.5) * 1000:.0f} ms, p99 {percentile(looking.waits, 0.99) * 1000:.0f} ms",
            target="p99 ≤ 300 ms",
            notes=f"{looking.rows:,} rows seen; {per_page_minute / 1024:,.0f} KiB per page and minute before "
            f"compression; CPU {looking.cpu_share:.0%} of a core; memory {idle >> 20} MiB idle, {memory >> 20} MiB at "
            f"the end; loop lag p99 {health['loop_lag_p99_ms']:.0f} ms, longest pause by the garbage collector "
            f"{health['longest_gc_pause_ms']:.0f} ms",
        )
    )


def main() -> None:
    """The size every build must hold."""
    measure(1_000, 5.0, 20)


if __name__ == "__main__":
    main()
