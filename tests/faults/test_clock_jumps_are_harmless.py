"""Row 18: clocks that jump by days, are stepped, or go through daylight saving harm nothing.

The Sentry's stamps: thousands of schedules of jumps of the wall clock, reboots, and Commanders that tell the time; the
logs of a rig keep their order, and are right where the Commander told the time. The Commander: a real one whose wall
clock jumps under it; no rig is called offline, no page is closed, no log vanishes. The controls measure time by the
wall clock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from browsers import LivePage, login
from promise import record, scaled

from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.spool.clock import Clock
from rigfarm.sentry.spool.meta import Meta
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log, connect
from support.until import until

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
JUMPS_MS = (5 * DAY_MS, -5 * DAY_MS, 3_600_000, -3_600_000, 2_000, -2_000, 137)
"""Days, daylight saving (by those who keep local time), steps by NTP."""

SHIFTED_CLOCK = """
import pathlib, time, types
from rigfarm.commander.stats import operational
jump, flag = pathlib.Path({jump!r}), pathlib.Path({flag!r})
wall, wall_ns, monotonic = time.time, time.time_ns, time.monotonic
started, started_wall = monotonic(), wall()
shift = lambda: int(jump.read_text() or 0)
time.time = lambda: wall() + shift() / 1000
time.time_ns = lambda: wall_ns() + shift() * 1_000_000
by_wall = lambda: started + time.time() - started_wall
operational.time = types.SimpleNamespace(
    time=time.time, time_ns=time.time_ns, monotonic=lambda: by_wall() if flag.exists() else monotonic()
)
"""
"""The wall clock of a Commander is ahead by what a file says; its timers go by it too while another file is there."""
RIGS = 3
REPORT_EVERY_S = 2.0
"""Seldom enough that a rig which is called offline is seen to be, and far more often than the silence that counts."""


class Machine:
    """A rig's clocks, and two of its rigs' logs as they are stamped."""

    def __init__(self, chance: random.Random, carrier: Callable[[Machine], int]) -> None:
        self._chance = chance
        self.true_ms = NOW_MS
        """What the Commander's clock says."""
        self._wall_off = chance.choice((0, 0, *JUMPS_MS, -NOW_MS))
        self._boots = 0
        self.booted_ms = self.true_ms
        self._carrier = carrier
        self.meta = Meta()
        self.logs: list[tuple[str, int, int, int]] = []
        """(rig, epoch, stamp, true time)"""
        self.clock = self._new_clock(None)

    def _new_clock(self, before: Clock | None) -> Clock:
        anchor = None if before is None else before.anchor()
        return Clock(anchor, carrier=lambda: self._carrier(self), wall=self.wall, boot=f"boot {self._boots}")

    def wall(self) -> int:
        return self.true_ms + self._wall_off

    def live(self, steps: int) -> None:
        """So many things happen to it; in the end a Commander tells the time."""
        for _ in range(steps):
            self.true_ms += self._chance.randrange(1, 60_000)
            what = self._chance.random()
            if what < 0.6:
                rig = self._chance.choice("ab")
                stamp = self.clock.now_ms(rig)
                if self.clock.epoch:
                    self.meta.note_epoch(self.clock.epoch, stamp)
                self.logs.append((rig, self.clock.epoch, stamp, self.true_ms))
            elif what < 0.8:
                self._wall_off += self._chance.choice(JUMPS_MS)
            elif what < 0.9:
                self.told()
            else:
                if what > 0.95:
                    self._boots += 1
                    self.booted_ms = self.true_ms
                self.clock = self._new_clock(self.clock)
        self.told()

    def told(self) -> None:
        corrected = self.clock.told(self.true_ms)
        if corrected is not None:
            self.meta.shift(corrected)

    def wrong(self) -> int:
        """Logs out of order, or wrong although the Commander had told the time."""
        bad = 0
        for rig in "ab":
            stamps = [(epoch, t + self.meta.shifts.get(epoch, 0), true) for r, epoch, t, true in self.logs if r == rig]
            bad += sum(after[1] <= before[1] for before, after in pairwise(stamps))
            ahead = 0
            for epoch, stamp, true in stamps:
                bad += epoch == 0 and not true <= stamp <= max(true, ahead + 1)
                ahead = stamp
        return bad


def schedules(count: int, carrier: Callable[[Machine], int]) -> int:
    """How many of so many lives have a wrong log."""
    bad = 0
    for seed in range(count):
        machine = Machine(random.Random(seed), carrier)
        machine.live(40)
        bad += machine.wrong() > 0
    return bad


async def report(links: list[LoadLink], began: float) -> None:
    """One rig after the other, stamped like a Sentry's logs: by the Welcome, carried on by the monotonic clock."""
    while True:
        for number, link in enumerate(links):
            t = link.welcome.result().now_ms + int((time.monotonic() - began) * 1000)
            link.send_logs([encode(a_log(number, t))])
            link.sent_at.clear()
            await asyncio.sleep(REPORT_EVERY_S / RIGS)


async def jump_about(commander: CommanderProcess, jump: Path, jumps: list[int]) -> tuple[int, int]:
    """(times looked at the farm, times in which a rig was not up)."""
    looked = wrong = 0
    ahead = 0
    for by in jumps:
        ahead += by
        jump.with_suffix(".new").write_text(str(ahead))
        jump.with_suffix(".new").rename(jump)
        for _ in range(4):
            await asyncio.sleep(0.25)
            answer = await asyncio.to_thread(commander.api, "GET", "/api/stats")
            assert isinstance(answer, dict)
            looked += 1
            wrong += answer["cpu-gpu"]["alive"] != RIGS
    return looked, wrong


def journalled(folder: Path) -> list[list[int]]:
    """Times of each rig's logs, as they were written."""
    journal = Journal(folder / "journal.db")
    journal.open()
    found: dict[int, list[int]] = {}
    for _, row in journal.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, []).append(log.t)
    return list(found.values())


@pytest.mark.timeout(900)
async def test_clock_jumps_are_harmless(tmp_path: Path) -> None:
    count = scaled(1_000, 100_000)
    wrong = await asyncio.to_thread(schedules, count, lambda machine: machine.true_ms - machine.booted_ms + 5_000)
    by_wall = await asyncio.to_thread(schedules, 100, Machine.wall)
    jump, flag = tmp_path / "jump", tmp_path / "wall-clock-timers"
    jump.write_text("0")
    chance = random.Random(18)
    settings = {"report_interval_s": "5", "journal_hours": "48"}
    mutation = SHIFTED_CLOCK.format(jump=str(jump), flag=str(flag))
    with CommanderProcess(tmp_path / "commander", settings=settings, mutation=mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(RIGS)])
        cookie = await asyncio.to_thread(login, commander)
        links = await asyncio.gather(*(connect(commander.url, [token]) for _, token in made))
        reporting = asyncio.create_task(report(links, time.monotonic()))
        async with LivePage(commander, cookie, "/rigs") as page:
            await until(lambda: all(link.acked for link in links) and page.frames > 1)
            jumps = [JUMPS_MS[0], *(chance.choice(JUMPS_MS) for _ in range(scaled(2, 200))), JUMPS_MS[1]]
            looked, offline = await jump_about(commander, jump, jumps)
            frames = page.frames
            await until(lambda: page.frames > frames + 1, "the page still changes")
        assert await asyncio.to_thread(login, commander)
        flag.touch()
        _, control = await jump_about(commander, jump, [JUMPS_MS[0]])
        reporting.cancel()
        for link in links:
            link.close()
        await asyncio.sleep(0.1)
    logs = journalled(commander.folder)
    acked = [link.acked for link in links]
    vanished = sum(acked) - sum(map(len, logs))
    disorder = sum(after <= before for times in logs for before, after in pairwise(times))
    record(
        18,
        f"clock jumps of up to 5 days are harmless: stamps in {count} lives of a rig; no rig offline in {looked} looks "
        f"at a Commander whose clock jumped {len(jumps)} times, no log of {sum(acked)} gone",
        n=count + looked,
        bad=wrong + offline + max(vanished, 0) + disorder,
        unit="lives and looks",
        control="timers and stamps by the wall clock",
        control_bad=f"{by_wall} of 100 lives, {control} of 4 looks wrong",
    )
    assert (wrong, offline, disorder) == (0, 0, 0)
    assert vanished <= 0
    assert by_wall > 0
    assert control > 0
