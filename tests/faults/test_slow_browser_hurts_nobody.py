"""Row 14: browsers that read a byte a second cost the Commander next to nothing, and the others see their rows change.

The control gives every page an unbounded queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from pathlib import Path

import pytest
from browsers import LivePage, login, resident_bytes, slow_page
from promise import record, scaled

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log, connect
from support.until import until

UNBOUNDED_QUEUE = """
import asyncio, pathlib
from rigfarm.commander.live.session import PageSession
init = PageSession.__init__
def unbounded(self, hub, page, send, *more):
    queue, tasks = asyncio.Queue(), []
    async def drain():
        while True:
            await send(await queue.get())
    async def put(frame):
        if not pathlib.Path({flag!r}).exists():
            return await send(frame)
        if not tasks:
            tasks.append(asyncio.create_task(drain()))
        queue.put_nowait(frame)
    init(self, hub, page, put, *more)
PageSession.__init__ = unbounded
"""
"""While the file is there."""
RIGS = 60
SLOW = 10
PAGE = "/rigs?sort=name"
MIB = 1 << 20
ALLOWED = 5 * MIB


async def report(links: list[LoadLink]) -> None:
    """Every rig, all the time: each row changes with each flush."""
    t = 1_700_000_000_000
    while True:
        t += 100
        for number, link in enumerate(links):
            link.send_logs([encode(a_log(number, t))])
            link.sent_at.clear()
        await asyncio.sleep(0.1)


def pause_p99(pages: list[LivePage], since: float) -> float:
    """s between two frames of a page, which 99 of 100 stay under."""
    arrivals = [[at for at in page.arrivals if at >= since] for page in pages]
    pauses = sorted(after - before for times in arrivals for before, after in itertools.pairwise(times))
    return pauses[min(int(len(pauses) * 0.99), len(pauses) - 1)]


async def all_get(pages: list[LivePage], size: int) -> int:
    """Wait until each of these pages got so many bytes more; how many did not."""
    before = [page.bytes for page in pages]

    def late() -> int:
        return sum(page.bytes < was + size for page, was in zip(pages, before, strict=True))

    with contextlib.suppress(AssertionError):
        await until(lambda: late() == 0, "rows of the others", 120)
    return late()


@pytest.mark.timeout(900)
async def test_a_slow_browser_hurts_nobody(tmp_path: Path) -> None:
    flag, size, seen = tmp_path / "unbounded", scaled(MIB, 8 * MIB), scaled(8, 200)
    random.seed(14)
    mutation = UNBOUNDED_QUEUE.format(flag=str(flag))
    settings = {"report_interval_s": "1"}
    with CommanderProcess(tmp_path / "commander", settings=settings, mutation=mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n:02}" for n in range(RIGS)])
        cookie = await asyncio.to_thread(login, commander)
        async with contextlib.AsyncExitStack() as stack:
            links = await asyncio.gather(*(connect(commander.url, [token]) for _, token in made))
            reporting = asyncio.create_task(report(links))
            pages = [await stack.enter_async_context(LivePage(commander, cookie, PAGE)) for _ in range(seen)]
            await all_get(pages, scaled(MIB // 2, 8 * MIB))  # a Commander's memory settles after a crowd has come
            since = time.monotonic()
            await all_get(pages, MIB // 2)
            alone, since = pause_p99(pages, since), time.monotonic()
            before = resident_bytes(commander.pid)
            for _ in range(SLOW):
                await stack.enter_async_context(slow_page(commander, cookie, PAGE))
            late = await all_get(pages, size)
            grown, beside = resident_bytes(commander.pid) - before, pause_p99(pages, since)
            flag.touch()
            before = resident_bytes(commander.pid)
            for _ in range(SLOW):
                await stack.enter_async_context(slow_page(commander, cookie, PAGE))
            with contextlib.suppress(AssertionError):
                await until(lambda: resident_bytes(commander.pid) - before > ALLOWED, "it grows", 120)
            control = resident_bytes(commander.pid) - before
            reporting.cancel()
            for link in links:
                link.close()
        commander.kill()
    record(
        14,
        f"{SLOW} browsers that read 1 B/s beside {seen} others: the Commander grows by {max(grown, 0) / MIB:.1f} MiB, "
        f"while each of the others gets {size / MIB:.1f} MiB of rows, its frames {beside * 1000:.0f} ms apart "
        f"(p99; before {alone * 1000:.0f} ms)",
        n=seen,
        bad=late + (grown > ALLOWED),
        unit="pages",
        control="unbounded queue",
        control_bad=f"grew by {control / MIB:.1f} MiB",
    )
    assert late == 0
    assert grown <= ALLOWED
    assert control > ALLOWED, "the control grew little: this test shows nothing"
