"""Row 32: links and pages that come and go leave nothing behind: no task, no file, no memory.

A real Commander; between the rounds everybody leaves, and what is left is counted. The control forgets a task at the
end of every link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
from pathlib import Path

import pytest
from browsers import LivePage, login, resident_bytes
from promise import FULL, record, scaled
from sender import Sender

from rigfarm.simulate.commander import CommanderProcess
from support.until import until

COUNTED_TASKS = """
import asyncio, pathlib
from rigfarm.commander.health import Health
from rigfarm.commander.link.registry import Links
tasks, flag = pathlib.Path({tasks!r}), pathlib.Path({flag!r})
run, leave, forgotten = Health.run, Links.leave, []
async def count():
    while True:
        tasks.with_suffix(".new").write_text(str(len(asyncio.all_tasks())))
        tasks.with_suffix(".new").rename(tasks)
        await asyncio.sleep(0.1)
async def counted(self, part):
    counting = asyncio.create_task(count())
    await run(self, part)
def forgetful(self, link):
    if flag.exists():
        forgotten.append(asyncio.create_task(asyncio.Event().wait()))
    leave(self, link)
Health.run, Links.leave = counted, forgetful
"""
"""It says how many tasks it has; a forgotten one more for every link while the flag is there."""
AT_ONCE = 8
PATHS = ("/", "/rigs", "/rigs?sort=name", "/rigs/{rig}", "/asics")
MIB = 1 << 20
WAL_BYTES = 64 * MIB
ALLOWED = 6 * MIB
"""What the allocator makes of a crowd, and what the garbage collector has not come to yet."""
ALLOWED_SLOPE = 1e6 / 3_600
"""Bytes a connection: one megabyte in an hour in which one comes and goes each second."""
POOLED_FILES = 40


class Churn:
    """Links and pages that come and go."""

    def __init__(self, commander: CommanderProcess, rigs: list[tuple[int, str]], cookie: str) -> None:
        self.connections = 0
        self._commander = commander
        self._rigs = rigs
        self._cookie = cookie
        self._chance = random.Random(32)
        self._senders = [Sender(commander.url, rig, self._chance) for rig in rigs]

    async def round(self, count: int) -> None:
        """So many come and go, a few at once."""
        each = count // AT_ONCE
        await asyncio.gather(*(self._some(number, each) for number in range(AT_ONCE)))

    async def _some(self, number: int, count: int) -> None:
        for turn in range(count):
            self.connections += 1
            await (self._page() if turn % 2 else self._link(number))

    async def _link(self, number: int) -> None:
        sender = self._senders[number]
        await sender.connect()
        sender.send(1)
        if self._chance.random() < 0.5:
            await until(lambda: sender.numbered in sender.acked)
        sender.forget_acked()
        sender.hang_up()
        await until(lambda: not sender.linked)

    async def _page(self) -> None:
        rig = self._chance.choice(self._rigs)[0]
        path = self._chance.choice(PATHS).format(rig=rig)
        async with LivePage(self._commander, self._cookie, path) as page:
            if self._chance.random() < 0.7:
                await until(lambda: page.frames)


class Left:
    """What the Commander holds while nobody is there."""

    def __init__(self, commander: CommanderProcess, tasks: Path) -> None:
        self._pid, self._tasks = commander.pid, tasks

    def tasks(self) -> int:
        return int(self._tasks.read_text())

    def open(self) -> list[str]:
        """What its file descriptors are."""
        found = []
        for one in Path(f"/proc/{self._pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(os.readlink(one))
        return found

    def files(self) -> int:
        """Without those of the databases, which are pools that fill at the first crowd."""
        return sum(".db" not in name for name in self.open())

    def databases(self) -> int:
        """Those of the databases."""
        return sum(".db" in name for name in self.open())

    async def calm(self) -> tuple[int, int]:
        """Tasks and files once they no longer become fewer."""
        least = (self.tasks(), self.files())
        steady = 0
        while steady < 10:
            said = self._tasks.stat().st_mtime_ns
            await asyncio.sleep(0.15)
            await until(lambda said=said: self._tasks.stat().st_mtime_ns != said)  # type: ignore[misc] # it had a turn
            now = (self.tasks(), self.files())
            steady = steady + 1 if now[0] >= least[0] and now[1] >= least[1] else 0
            least = (min(least[0], now[0]), min(least[1], now[1]))
        return least


@pytest.mark.timeout(1800)
async def test_nothing_leaks(tmp_path: Path) -> None:
    size, rounds = scaled(48, 800), scaled(3, 36)
    tasks, flag = tmp_path / "tasks", tmp_path / "forget"
    mutation = COUNTED_TASKS.format(tasks=str(tasks), flag=str(flag))
    with CommanderProcess(tmp_path / "commander", mutation=mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(AT_ONCE)])
        churn = Churn(commander, made, await asyncio.to_thread(login, commander))
        left = Left(commander, tasks)
        await until(tasks.exists)
        await churn.round(size)
        first, connections = await left.calm(), churn.connections
        memory = []
        for _ in range(rounds):
            await churn.round(size)
            memory.append(resident_bytes(commander.pid))
        last = await left.calm()
        connections = churn.connections - connections
        databases = left.databases()
        wal = (commander.folder / "journal.db-wal").stat().st_size
        flag.touch()
        await churn.round(size)
        control = (await left.calm())[0] - last[0]
        with contextlib.suppress(OSError):
            commander.kill()
    settled = memory[rounds // 3 :]
    slope = statistics.linear_regression(range(len(settled)), settled).slope / size
    said = f"; memory {slope * 1_000 / 1e6:+.2f} MB per 1,000 of them" if FULL else ""
    leaked = [after - before for before, after in zip(first, last, strict=True)]
    record(
        32,
        f"links and pages that come and go leave no task and no file{said}; write-ahead log {wal / MIB:.1f} MiB",
        n=connections,
        bad=sum(max(more, 0) for more in leaked),
        unit="links and pages",
        control="a forgotten task at the end of each link",
        control_bad=f"{control} tasks left",
    )
    assert max(leaked) <= 0
    assert databases <= POOLED_FILES
    assert settled[-1] - settled[0] < ALLOWED
    assert not FULL or slope <= ALLOWED_SLOPE
    assert wal < WAL_BYTES
    assert control >= size // 4, "the control left little: this test shows nothing"
