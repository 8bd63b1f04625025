"""Row 16: a rig whose card stays bad is rebooted as often as its operator allows, and then no more.

Each boot is a new Sentry on the same disk; the program dies by a signal as soon as it starts. The control keeps the
count of reboots in memory only, as HiveOS's watchdog does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from promise import record, scaled

from rigfarm.sentry.playbooks.ledger import DAY_S, HOUR_S, Ledger
from rigfarm.sentry.playbooks.restarts import REBOOTS_PER_HOUR, Restarts
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive, AssignedPlaybook, Supervision
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

BAD_CARD = Supervision(
    stall_s=5,
    backoff_first_s=0.05,
    backoff_max_s=0.05,
    restarts_per_hour=1000,
    reboot_after_failures=2,
    reboots_per_day=20,
)


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


async def boots(folder: Path, depot: Depot, order: AssignedPlaybook, most: int) -> tuple[int, str]:
    """Reboots of a rig until it stays up (or `most`), and what its status says then."""
    reboots = 0
    while reboots < most:
        going_down = asyncio.Event()

        async def reboot(reason: str, going_down: asyncio.Event = going_down) -> None:
            assert "playbook 1: the program was killed by SIGABRT" in reason
            going_down.set()

        async with Rig(folder / "sentry", depot.url, depot.token, reboot=reboot) as rig:
            await rig.runner.apply(1, [order])
            alarm = asyncio.create_task(rig.when(lambda status: "look at the rig" in status.detail))
            down = asyncio.create_task(going_down.wait())
            await asyncio.wait([alarm, down], return_when=asyncio.FIRST_COMPLETED)
            down.cancel()
            if not going_down.is_set():
                return reboots, (await alarm).detail
            alarm.cancel()
        reboots += 1
    return reboots, ""


async def test_a_bad_card_does_not_reboot_the_rig_for_ever(
    tmp_path: Path, depot: Depot, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = assigned_for(archive, template="--behave crash --after 0", supervision=BAD_CARD)
    reboots, alarm = await boots(tmp_path, depot, order, 6)
    with monkeypatch.context() as patch:

        async def in_memory_only(_: Ledger) -> bool:
            return True

        patch.setattr(Ledger, "save", in_memory_only)
        control, _ = await boots(tmp_path / "control", depot, order, 4)
    assert control == 4, "the control must be caught, else the test sees nothing"
    month = await simulated_boots(tmp_path / "month.json", scaled(1, 30))
    worst = max(sum(start <= stamp < start + HOUR_S for stamp in month) for start in month)
    record(
        16,
        f"no more than {REBOOTS_PER_HOUR} reboots an hour of a rig with a bad card, then an alarm",
        n=len(month) + reboots,
        bad=max(0, worst - REBOOTS_PER_HOUR, reboots - REBOOTS_PER_HOUR),
        control="counter in RAM",
        control_bad=f"{control} of {control} boots rebooted again",
        unit="reboots",
    )
    assert reboots == REBOOTS_PER_HOUR
    assert f"but {REBOOTS_PER_HOUR} reboots in an hour are enough: look at the rig" in alarm
    assert worst <= REBOOTS_PER_HOUR
    assert max(sum(start <= stamp < start + DAY_S for stamp in month) for start in month) <= BAD_CARD.reboots_per_day


async def test_a_days_budget_is_one_alarm_when_it_is_used_up(tmp_path: Path, depot: Depot, archive: Archive) -> None:
    supervision = msgspec.structs.replace(BAD_CARD, reboots_per_day=1)
    order = assigned_for(archive, template="--behave crash --after 0", supervision=supervision)
    reboots, alarm = await boots(tmp_path, depot, order, 3)
    assert reboots == 1
    assert "failures in a row, but the budget of 1 reboots in 24 h is used up: look at the rig" in alarm


@pytest.mark.parametrize(("after", "a_day"), [(0, 20), (2, 0)])
async def test_who_did_not_allow_it_is_not_rebooted(
    tmp_path: Path, depot: Depot, archive: Archive, after: int, a_day: int
) -> None:
    supervision = msgspec.structs.replace(BAD_CARD, reboot_after_failures=after, reboots_per_day=a_day)
    order = assigned_for(archive, template="--behave crash --after 0", supervision=supervision)
    reboots: list[str] = []

    async def reboot(reason: str) -> None:
        reboots.append(reason)

    async with Rig(tmp_path / "sentry", depot.url, depot.token, reboot=reboot) as rig:
        await rig.runner.apply(1, [order])
        await rig.when(lambda status: status.restarts >= 4)
    assert reboots == []


async def test_a_budget_that_cannot_be_written_or_read_is_none(tmp_path: Path) -> None:
    """Better one reboot too few: the file may be lost together with the count of a loop."""
    ledger = Ledger(tmp_path / "missing" / "ledger.json")
    restarts = Restarts(1, ledger)
    restarts.supervision = BAD_CARD
    decisions = [await restarts.decide(failure=True) for _ in range(4)]
    assert [decision.act for decision in decisions] == ["restart"] * 4
    assert "cannot be noted on the full disk" in decisions[1].detail
    for damage in (b"", b"{", b"\xff\xfe", b'{"reboots": "many"}'):
        (tmp_path / "ledger.json").write_bytes(damage)
        assert Ledger(tmp_path / "ledger.json").reboots_within(DAY_S) >= 100


class Clock:
    """Of a rig that boots: monotonic, from a new beginning each time."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


async def simulated_boots(path: Path, days: int) -> list[float]:
    """Running time at each reboot of a rig that is bad for days; each boot begins its monotonic clock anew."""
    stamps: list[float] = []
    running = 0.0
    while running < days * DAY_S:
        clock = Clock()
        ledger = Ledger(path, clock)
        restarts = Restarts(1, ledger)
        restarts.supervision = BAD_CARD
        while running < days * DAY_S:
            clock.now += 30
            running += 30
            decision = await restarts.decide(failure=True)
            if decision.act == "reboot":
                stamps.append(running)
                break
            await restarts.restarted()
            clock.now += 300
            running += 300
            await ledger.save_now_and_then()
    return stamps
