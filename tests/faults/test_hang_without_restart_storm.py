"""Row 15: a mining program that hangs, hashes nothing or dies is started again soon, and never in a storm.

With real programs that misbehave; and a day of a program that dies at once, by a clock of the test's own, in which the
Sentry itself is restarted now and then. The control has no budget.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from promise import FULL, record, scaled

from rigfarm.sentry.playbooks.ledger import HOUR_S, Ledger
from rigfarm.sentry.playbooks.restarts import Restarts
from rigfarm.sentry.processes.process import Ending, Process
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive, Supervision
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

STALL_S = 45 if FULL else 0.6
QUICK = Supervision(stall_s=STALL_S, backoff_first_s=0.1, backoff_max_s=0.4)
PATIENT = msgspec.structs.replace(QUICK, stall_s=60)
"""For programs that end by themselves: a busy machine takes its time to start them."""
BUDGET = 6


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one


@pytest.fixture
def archive(depot: Depot) -> Archive:
    content = pack("tar.gz")
    found = archive_for(content, "tar.gz")
    depot.put(content, found.path)
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        ("hang --after 0.3", "its stats API has not answered for"),
        ("deaf --after 600", "its stats API has not answered for"),
        ("zero --after 0.3", "it has not hashed for"),
        ("crash", "the program was killed by SIGABRT after .*illegal memory access"),
        ("oom", r"the program was killed by SIGKILL \(out of memory\?\) after "),
        ("exit --exit-code 7", "the program ended with code 7 after .*nothing to do, bye"),
    ],
)
async def test_it_is_found_and_started_again(
    tmp_path: Path, depot: Depot, archive: Archive, behave: str, reason: str
) -> None:
    ends = behave.startswith(("crash", "oom", "exit"))
    order = assigned_for(archive, template=f"--behave {behave}", supervision=PATIENT if ends else QUICK)
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        await rig.runner.apply(1, [order])
        # One that took long to start was started again for that before.
        await rig.when(lambda status: status.state == "backing-off" and re.search(reason, status.detail) is not None)
        # One that dies at once may have been started more often by the time that this looks.
        await rig.when(lambda status: status.restarts >= 1 and status.pid is not None)


async def test_a_budget_that_is_used_up_holds_through_restarts_of_the_sentry(
    tmp_path: Path, depot: Depot, archive: Archive
) -> None:
    supervision = msgspec.structs.replace(PATIENT, backoff_max_s=0.1, restarts_per_hour=3)
    pids = tmp_path / "pids"
    order = assigned_for(archive, template=f"--behave crash --after 0 --pids {pids}", supervision=supervision)
    for starts in (1 + 3, 4 + 1):
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(1, [order])
            status = await rig.when(lambda status: "restarts an hour is used up" in status.detail)
            assert re.search(r"the budget of 3 restarts an hour is used up; the next in 5\d min", status.detail)
            assert len(pids.read_text().split()) == starts, "each start of the Sentry is one start, no more"


async def test_an_operators_restart_does_not_wait_for_the_budget(
    tmp_path: Path, depot: Depot, archive: Archive
) -> None:
    supervision = msgspec.structs.replace(PATIENT, restarts_per_hour=1)
    order = assigned_for(archive, template="--behave crash --after 0", supervision=supervision)
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        await rig.runner.apply(1, [order])
        await rig.when(lambda status: "is used up" in status.detail)
        healthy = assigned_for(archive, restart=1, supervision=supervision)
        await rig.runner.apply(2, [healthy])
        await rig.until("mining")


async def test_no_second_instance_beside_one_that_cannot_be_ended(
    tmp_path: Path, depot: Depot, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process stuck in a driver takes no signal; a sleep that nobody signals stands for it."""
    with subprocess.Popen(["sleep", "60"]) as stuck:
        stop = Process.stop

        async def cannot(self: Process, grace_s: float) -> Ending:
            return msgspec.structs.replace(await stop(self, grace_s), survivors=[stuck.pid])

        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(1, [assigned_for(archive, supervision=PATIENT)])
            first = await rig.until("mining")
            monkeypatch.setattr(Process, "stop", cannot)
            assert first.pid is not None
            psutil.Process(first.pid).kill()
            sentence = f"its last process ({stuck.pid}) cannot be ended because it is stuck in a driver: reboot the rig"
            for _ in range(3):
                status = await rig.when(lambda status: status.state == "failed" and sentence in status.detail)
                assert status.pid is None
                assert status.restarts == 1
                await asyncio.sleep(0.3)
            monkeypatch.undo()
            stuck.kill()
            stuck.wait()
            await rig.until("mining")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def day_of_crashes(path: Path, supervision: Supervision, hours: float) -> list[float]:
    """When a program that dies after 0.1 s was started again by itself; the Sentry restarts every 47 minutes."""
    clock = Clock()
    stamps: list[float] = []
    end = clock.now + hours * HOUR_S
    while clock.now < end:
        ledger = Ledger(path, clock)
        restarts = Restarts(1, ledger)
        restarts.supervision = supervision
        sentry_ends = clock.now + 47 * 60
        while clock.now < min(end, sentry_ends):
            clock.now += 0.1
            decision = await restarts.decide(failure=True)
            clock.now += decision.wait_s
            await restarts.restarted()
            stamps.append(clock.now)
        await ledger.save()
    return stamps


def most_in_an_hour(stamps: list[float]) -> int:
    return max(sum(start <= stamp < start + HOUR_S for stamp in stamps) for start in stamps)


async def test_no_storm_in_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    supervision = Supervision(restarts_per_hour=BUDGET)
    stamps = await day_of_crashes(tmp_path / "ledger.json", supervision, scaled(24, 24 * 30))
    worst = most_in_an_hour(stamps)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "restarts_within", lambda *_: [])
        control = most_in_an_hour(await day_of_crashes(tmp_path / "control.json", supervision, 24))
    assert control > BUDGET, "the control must be caught, else the test sees nothing"
    record(
        15,
        f"no more than {BUDGET} restarts in any hour of a program that dies at once",
        n=len(stamps),
        bad=max(0, worst - BUDGET),
        control="no budget",
        control_bad=f"{control} restarts in an hour",
        unit="restarts",
    )
    assert worst == BUDGET
    assert len(stamps) > 100


async def test_backoff_grows_to_five_minutes_and_is_forgiven(tmp_path: Path) -> None:
    clock = Clock()
    restarts = Restarts(1, Ledger(tmp_path / "ledger.json", clock))
    restarts.supervision = Supervision(restarts_per_hour=1000)
    waits = [(await restarts.decide(failure=False)).wait_s for _ in range(11)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    restarts.well()
    assert (await restarts.decide(failure=False)).wait_s == 2
