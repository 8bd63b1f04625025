"""Row 36: whoever has a rig's valid token can harm that rig and nothing else, whatever he sends, how much, how often.

Attackers of each kind, one after the other and each with the token of a rig of its own, beside honest rigs and a page.
The control is the same flood where a rig has no budget and no share of the journal.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from attackers import KINDS
from browsers import login, resident_bytes
from msgspec import Struct, field
from promise import FULL, record, scaled
from sender import Sender, stored

from rigfarm.simulate.commander import CommanderProcess
from support.until import until

HONEST = scaled(10, 100)
SECONDS = scaled(2, 60)
"""Of each attack."""
SHARE_MIB = scaled(4, 64)
"""Of the journal, within a day."""
ATTACKS = [*KINDS, "new-spools", "impossible"]
ATTACKER = Path(__file__).with_name("attackers.py")
MIB = 1 << 20
GROWS_MIB = 64
UNLIMITED = """
from rigfarm.commander.link import budgets, charge, registry
budgets.BYTES_PER_S = budgets.LOGS_PER_S = 1e15
budgets.Allowance.spend = lambda self, amount, now, within_s=0.0: 0.0
registry.MAX_IN_FLIGHT = 1 << 60
"""


class Course(Struct):
    """How a time went for everybody else."""

    acknowledged_s: list[float] = field(default_factory=list)
    pages_s: list[float] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def p99(self, times: list[float]) -> float:
        return statistics.quantiles(times, n=100)[-1] if len(times) > 1 else times[0]

    def words(self) -> str:
        acknowledged, pages = self.acknowledged_s, self.pages_s
        return (
            f"acknowledged after {statistics.median(acknowledged):.2f} s (p99 {self.p99(acknowledged):.2f}), "
            f"pages after {statistics.median(pages) * 1000:.0f} ms (p99 {self.p99(pages) * 1000:.0f})"
        )


async def life(senders: list[Sender], browser: httpx.AsyncClient, ended: asyncio.Event) -> Course:
    """Honest rigs report and a page is loaded until it is over."""
    course = Course()

    async def rig(sender: Sender) -> None:
        while not ended.is_set():
            began = time.perf_counter()
            sender.send(1)
            await until(lambda: sender.numbered in sender.acked, "an acknowledgement", 120)
            course.acknowledged_s.append(time.perf_counter() - began)
            await asyncio.sleep(0.5)

    async def page() -> None:
        while not ended.is_set():
            began = time.perf_counter()
            answer = await browser.get("/rigs")
            course.pages_s.append(time.perf_counter() - began)
            if answer.status_code != 200:
                course.mistakes.append(f"/rigs: {answer.status_code}")
            await asyncio.sleep(0.1)

    await asyncio.gather(page(), *(rig(sender) for sender in senders))
    return course


async def attacked(commander: CommanderProcess, token: str, kind: str, seconds: float) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ATTACKER), commander.url, token, kind, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, kind
    found: dict[str, Any] = json.loads(out)
    return found


def disk_bytes(commander: CommanderProcess) -> int:
    return sum(path.stat().st_size for path in commander.folder.glob("journal.db*"))


async def offline(commander: CommanderProcess, rigs: list[int]) -> list[int]:
    answers = [await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig}") for rig in rigs]
    return [one["id"] for one in answers if isinstance(one, dict) and one["state"] in ("offline", "waiting")]


class Outcome(Struct):
    """Of all attacks."""

    courses: dict[str, Course]
    sent: dict[str, dict[str, Any]]
    grown_mib: float
    disk_mib: float
    offline: list[int]
    named: set[str]
    times: list[int]
    """How often each honest log is stored."""


async def farm_under(folder: Path) -> Outcome:
    courses: dict[str, Course] = {}
    sent: dict[str, dict[str, Any]] = {}
    settings = {"journal_mib_per_rig": str(SHARE_MIB), "report_interval_s": "5"}
    with CommanderProcess(folder, settings=settings) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [*ATTACKS, *(f"rig-{n}" for n in range(HONEST))])
        tokens = {kind: token for kind, (_, token) in zip(ATTACKS, made, strict=False)}
        rigs = made[len(ATTACKS) :]
        senders = [Sender(commander.url, rig, random.Random(n)) for n, rig in enumerate(rigs)]
        for sender in senders:
            await sender.connect()
        cookie = await asyncio.to_thread(login, commander)
        async with httpx.AsyncClient(base_url=commander.url, headers={"Cookie": cookie}, timeout=120) as browser:
            for kind in ["nobody", *ATTACKS]:
                ended = asyncio.Event()
                living = asyncio.create_task(life(senders, browser, ended))
                if kind == "nobody":
                    await asyncio.sleep(SECONDS)
                    before = resident_bytes(commander.pid)
                else:
                    sent[kind] = await attacked(commander, tokens[kind], kind, SECONDS)
                ended.set()
                courses[kind] = await living
        grown = (resident_bytes(commander.pid) - before) / MIB
        for sender in senders:
            await sender.settled(120)
        gone = await offline(commander, [rig for rig, _ in rigs])
        limited = [line for line in commander.log.read_text().splitlines() if "a limit acted" in line]
        named = {line.partition("source=")[2].split()[0].strip("'\"") for line in limited}
        assert commander.ready()
        disk = disk_bytes(commander) / MIB
        await asyncio.to_thread(commander.stop)
    found = stored(folder)
    times = [found[one.rig_id][number] for one in senders for number in range(1, one.numbered + 1)]
    return Outcome(courses, sent, grown, disk, gone, named, times)


async def flooded_mib(folder: Path, enough_mib: float) -> float:
    """Size of the journal of a Commander without limits, once a flood has filled it with so much."""
    settings = {"journal_mib_per_rig": str(SHARE_MIB)}
    with CommanderProcess(folder, settings=settings, mutation=UNLIMITED) as commander:
        ((_, token),) = await asyncio.to_thread(commander.add_rigs, ["attacker"])
        for _ in range(30):
            await attacked(commander, token, "flood", SECONDS)
            if disk_bytes(commander) / MIB > enough_mib:
                break
        return disk_bytes(commander) / MIB


@pytest.mark.timeout(3600)
async def test_a_valid_token_harms_only_its_rig(tmp_path: Path) -> None:
    found = await farm_under(tmp_path / "farm")
    most_mib = len(ATTACKS) * SHARE_MIB * 1.5 + 16
    control_mib = await flooded_mib(tmp_path / "control", most_mib)
    bad = sum(count != 1 for count in found.times)
    words = "; ".join(f"{kind}: {course.words()}" for kind, course in found.courses.items())
    acknowledged = max(course.p99(course.acknowledged_s) for course in found.courses.values())
    pages = max(course.p99(course.pages_s) for course in found.courses.values())
    print(words, found.sent)
    record(
        36,
        f"a rig's valid token harms another rig: logs lost or doubled, rigs shown offline; {len(ATTACKS)} attacks of "
        f"{SECONDS} s beside {HONEST} rigs; memory +{found.grown_mib:.0f} MiB, journal {found.disk_mib:.0f} MiB where "
        f"each attacker's share is {SHARE_MIB}; in the worst of "
        f"them acknowledged p99 {acknowledged:.2f} s, pages p99 {pages * 1000:.0f} ms",
        n=len(found.times) + HONEST,
        bad=bad + len(found.offline),
        unit="logs and rigs",
        control="no budgets and no share of the journal",
        control_bad=f"{control_mib:.0f} MiB in the journal",
    )
    assert bad == 0
    assert found.offline == []
    assert [mistake for course in found.courses.values() for mistake in course.mistakes] == []
    assert found.named - {"127.0.0.1"} <= set(ATTACKS), "no other rig is named"
    # On a slow machine an attack of seconds may stay below what connecting again and again is allowed.
    little = {"small-logs", "new-coins"} | (set() if FULL else {"new-spools"})
    assert set(ATTACKS) - found.named <= little, "who did it is, unless a rig may do so much"
    assert found.disk_mib < most_mib, "rows, snapshots and the write-ahead log"
    assert found.grown_mib < 3 * GROWS_MIB
    assert max(max(course.acknowledged_s) for course in found.courses.values()) < 60
    assert control_mib > most_mib, "the control stored no more: this test shows nothing"
