"""From a click on “apply” to a mining process that runs, and to a thousand rigs that are told.

1,000 Sentries are connected: three are real (processes of their own, with the real runner and a program that mines
nothing, its file installed already), the others load links that report every 5 s. A click is the form's POST, as a
browser sends it. The process counts from its fork, as the kernel wrote it down, to the next tick of 10 ms.

Ceilings: the same runner without a Commander; and a bare server that writes the same bytes to a thousand sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import uvloop

from bench.farm import connect_all, linked, many_files
from bench.report import Figure, percentile, report
from bench.web import login
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import DownFrame, Playbooks
from support.load import LoadLink
from support.playbooks import add_playbook, upload
from support.program.depot import Depot
from support.program.processes import alive, said
from support.program.rig import Rig, assigned_for
from support.program.sentry import SentryProcess

RIGS, REAL = 1_000, 3
CLICKS = 60
"""Of each real Sentry."""
EVERY_S = 5.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Browser:
    """Sends the form of the apply page."""

    def __init__(self, commander: CommanderProcess, playbook: int) -> None:
        headers = {"Cookie": login(commander.url, commander.password), "Origin": commander.url}
        self._client = httpx.Client(base_url=commander.url, headers=headers, timeout=60)
        self._path = f"/playbooks/{playbook}/apply"
        page = self._client.get(self._path).text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found is not None, page[:500]
        self._csrf = found[1]

    def apply(self, rigs: list[int]) -> float:
        """Click; returns when that was, on the clock that processes' starts are written down by."""
        clicked = time.clock_gettime(time.CLOCK_BOOTTIME)
        data = {"csrf": self._csrf, "how": "now", "rigs": [str(rig) for rig in rigs]}
        answer = self._client.post(self._path, data=data)
        assert answer.status_code == 303, answer.text[:500]
        return clicked


def started_at(pid: int) -> float:
    """When the process was forked, by CLOCK_BOOTTIME, s."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]) * TICK_S


def wait_for(what: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError("still not")
        time.sleep(0.002)


def to_process(commander: CommanderProcess, made: list[tuple[int, str]], folder: Path) -> list[float]:
    """ms from each click to its process."""
    pids = folder / "pids"
    playbook = add_playbook(commander, upload(commander, pack("tar.gz")), f"-o $CPU_POOL --pids {pids}.$WORKER_NAME")
    browser = Browser(commander, playbook)
    waits: list[float] = []
    with contextlib.ExitStack() as stack:
        real = made[:REAL]
        for rig, token in real:
            stack.enter_context(SentryProcess(folder / f"sentry-{rig}", commander.url, token))
        farm = stack.enter_context(linked(commander, [token for _, token in made[REAL:]]))
        farm.report(EVERY_S)
        files = {rig: Path(f"{pids}.rig-{rig - 1:05d}") for rig, _ in real}
        for click in range(CLICKS + 1):
            for rig, file in files.items():
                before = said(file)
                clicked = browser.apply([rig])
                wait_for(lambda file=file, before=before: said(file) - before)
                (pid,) = said(file) - before
                if click:  # the first one downloads
                    waits.append((started_at(pid) + TICK_S - clicked) * 1000)
                commander.api("POST", f"/api/playbooks/{playbook}/take-off", {"rigs": [rig]})
                wait_for(lambda file=file: not alive(said(file)))
    commander.api("DELETE", f"/api/playbooks/{playbook}")
    return waits


async def alone(folder: Path) -> list[float]:
    """ms from an order to its process, by the runner alone."""
    waits: list[float] = []
    archive = pack("tar.gz")
    file = folder / "alone"
    order = assigned_for(archive_for(archive, "tar.gz"), template=f"--pids {file}")
    with Depot() as depot:
        depot.put(archive, order.archive.path)
        async with Rig(folder / "alone-rig", depot.url, depot.token) as rig:
            for click in range(CLICKS + 1):
                before, clicked = said(file), time.clock_gettime(time.CLOCK_BOOTTIME)
                await rig.runner.apply(2 * click + 1, [order])
                while not (new := said(file) - before):
                    await asyncio.sleep(0.002)
                if click:
                    waits.append((started_at(new.pop()) + TICK_S - clicked) * 1000)
                await rig.runner.apply(2 * click + 2, [])
    return waits


class Told:
    """Counts the rigs that were told what to run."""

    def __init__(self, links: list[LoadLink], per_rig: int) -> None:
        self.left = len(links) * per_rig
        self.bytes = 0
        self.done = asyncio.Event()
        for link in links:
            link.on_frame = self._take

    def _take(self, frame: DownFrame) -> None:
        if isinstance(frame, Playbooks):
            self.left -= 1
            self.bytes = len(encode(frame))
            if not self.left:
                self.done.set()


async def all_told(commander: CommanderProcess, made: list[tuple[int, str]]) -> tuple[float, float]:
    """s from a click for all rigs to the last one told; and s that a bare server needs for the same bytes."""
    many_files()
    template = "-o $CPU_POOL -u $CPU_WALLET -p $WORKER_NAME --algo rx/0 --donate-level 1"
    playbook = await asyncio.to_thread(lambda: add_playbook(commander, 1, template, "For all"))
    browser = await asyncio.to_thread(Browser, commander, playbook)
    links = await connect_all(commander.url, [token for _, token in made])
    await asyncio.sleep(2)
    told = Told(links, 1)
    began = time.perf_counter()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(browser.apply, [rig for rig, _ in made]))
        await told.done.wait()
        took = time.perf_counter() - began
    for link in links:
        link.close()
    return took, await bare(len(made), told.bytes)


async def bare(count: int, size: int) -> float:
    """s for a server that does nothing but write `size` bytes to each of so many sockets, to the last byte read."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    readers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    while len(writers) < count:
        await asyncio.sleep(0.01)
    began = time.perf_counter()
    for writer in writers:
        writer.write(bytes(size))
    await asyncio.gather(*(reader.readexactly(size) for reader, _ in readers))
    took = time.perf_counter() - began
    for _, writer in readers:
        writer.close()
    server.close()
    return took


def main() -> None:
    """Both."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        settings = {"report_interval_s": str(EVERY_S)}
        with CommanderProcess(folder / "commander", settings=settings) as commander:
            made = commander.add_rigs([f"rig-{number:05d}" for number in range(RIGS)])
            waits = to_process(commander, made, folder)
            told, bare_s = uvloop.run(all_told(commander, made))
        ceiling = asyncio.run(alone(folder))
    report(
        Figure(
            f"click “apply” to mining process, cached software, {RIGS:,} Sentries connected ({REAL} of them real)",
            f"p50 {percentile(waits, 0.5):.0f} ms, p99 {percentile(waits, 0.99):.0f} ms",
            percentile(ceiling, 0.5) / percentile(waits, 0.5),
            f"the runner without a Commander: p50 {percentile(ceiling, 0.5):.0f} ms, "
            f"p99 {percentile(ceiling, 0.99):.0f} ms",
            "p99 ≤ 500 ms",
            notes=f"{len(waits)} clicks; the other {RIGS - REAL} are load links that report every {EVERY_S:.0f} s",
        )
    )
    report(
        Figure(
            f"apply to {RIGS:,} rigs: all told",
            f"{told:.2f} s",
            bare_s / told,
            f"a bare server writing the same bytes to {RIGS:,} sockets: {bare_s * 1000:.0f} ms",
            "≤ 3 s",
        )
    )


if __name__ == "__main__":
    main()
