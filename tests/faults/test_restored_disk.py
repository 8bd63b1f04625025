"""Row 3, its other side: a rig whose disk was restored or cloned is heard; its new logs are not taken for old ones, nor
its old ones for new ones.

A real Sentry gets back the spool of an hour ago, which counts from a number that the Commander has already. The control
is a Commander that does not tell which numbers it has.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from many import ManyRigs, sentry, written
from promise import record, scaled

from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.link import LinkState
from rigfarm.simulate.commander import CommanderProcess
from support.until import until

TELLS_NOTHING = """
import pathlib
from rigfarm.commander.logs.journal import Journal
highest = Journal.highest
Journal.highest = lambda self, spool: None if pathlib.Path({flag!r}).exists() else highest(self, spool)
"""
"""While the file is there."""
COMPARES_NOTHING = """
import pathlib
from rigfarm.commander.logs.doubles import Newcomer
doubles = Newcomer.doubles
Newcomer.doubles = lambda self, *logs: set() if pathlib.Path({flag!r}).exists() else doubles(self, *logs)
"""
"""While the file is there."""
LOGS = 20


async def live(folder: Path, url: str, part: ManyRigs, token: str) -> None:
    """A life of the Sentry: some logs, all of them acknowledged."""
    part.reporter = None
    async with sentry(folder, url, part) as agent:
        for _ in range(LOGS):
            part.report(token)
        await until(lambda: agent.link.state is LinkState.ONLINE and agent.spool.stats().logs == 0, "acknowledged")


async def restored(folder: Path, commander: CommanderProcess, rig: tuple[int, str]) -> int:
    """Live, live on, go back to the disk of before, live on: how many logs that makes."""
    _, token = rig
    part = ManyRigs([token])
    await live(folder, commander.url, part, token)
    shutil.copy(folder / "spool.db", folder.with_suffix(".backup"))
    await live(folder, commander.url, part, token)
    shutil.copy(folder.with_suffix(".backup"), folder / "spool.db")
    await live(folder, commander.url, part, token)
    return part.reported[token]


def stored(folder: Path) -> dict[int, list[float]]:
    """Numbers of each rig's logs in the journal."""
    journal = Journal(folder / "journal.db")
    journal.open()
    found: dict[int, list[float]] = {}
    for _, row in journal.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, []).append(log.uptime_s or 0.0)
    return found


@pytest.mark.timeout(600)
async def test_a_restored_disk_loses_nothing(tmp_path: Path) -> None:
    count, flag = scaled(2, 50), tmp_path / "tells-nothing"
    mutation = TELLS_NOTHING.format(flag=str(flag))
    with CommanderProcess(tmp_path / "commander", mutation=mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(count + 1)])
        sent = {
            rig[0]: await restored(tmp_path / f"sentry-{number}", commander, rig)
            for number, rig in enumerate(made[:count])
        }
        flag.touch()
        control = await restored(tmp_path / "control", commander, made[count])
    found = stored(commander.folder)
    wrong = sum(
        found[rig_id].count(number) != 1 for rig_id, logs in sent.items() for number in map(float, range(1, logs + 1))
    )
    lost = control - len(set(found[made[count][0]]))
    record(
        3,
        "a rig whose disk was restored loses and doubles no log",
        n=sum(sent.values()),
        bad=wrong,
        unit=f"logs of {count} restored rigs",
        control="a Commander that does not tell which numbers it has",
        control_bad=f"{lost} of {control} logs lost",
    )
    assert wrong == 0
    assert lost > 0, "the control lost nothing: this test shows nothing"


async def cut_off(folder: Path, commander: CommanderProcess, part: ManyRigs, token: str) -> None:
    """A life of the Sentry in which its Commander goes away: what it reports after that stays in its spool."""
    part.reporter = None
    async with sentry(folder, commander.url, part) as agent:
        await until(lambda: agent.link.state is LinkState.ONLINE, "linked")
        await asyncio.to_thread(commander.kill)
        await until(lambda: agent.link.state is not LinkState.ONLINE, "cut off")
        for _ in range(LOGS):
            part.report(token)
        await written(agent)
    await asyncio.to_thread(commander.start)


async def restored_with_backlog(folder: Path, commander: CommanderProcess, rig: tuple[int, str]) -> int:
    """The disk that comes back holds logs that were sent after it was copied: how many logs there are."""
    _, token = rig
    part = ManyRigs([token])
    await live(folder, commander.url, part, token)
    await cut_off(folder, commander, part, token)
    shutil.copy(folder / "spool.db", folder.with_suffix(".backup"))
    await live(folder, commander.url, part, token)
    shutil.copy(folder.with_suffix(".backup"), folder / "spool.db")
    await live(folder, commander.url, part, token)
    return part.reported[token]


@pytest.mark.timeout(600)
async def test_a_restored_backlog_is_stored_once(tmp_path: Path) -> None:
    count, flag = scaled(2, 50), tmp_path / "compares-nothing"
    with CommanderProcess(tmp_path / "commander", mutation=COMPARES_NOTHING.format(flag=str(flag))) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n}" for n in range(count + 1)])
        sent = {
            rig[0]: await restored_with_backlog(tmp_path / f"sentry-{number}", commander, rig)
            for number, rig in enumerate(made[:count])
        }
        flag.touch()
        control = await restored_with_backlog(tmp_path / "control", commander, made[count])
    found = stored(commander.folder)
    wrong = sum(
        found[rig_id].count(number) != 1 for rig_id, logs in sent.items() for number in map(float, range(1, logs + 1))
    )
    doubled = len(found[made[count][0]]) - control
    record(
        3,
        "a rig whose disk was restored with logs that came long ago doubles and loses none",
        n=sum(sent.values()),
        bad=wrong,
        unit=f"logs of {count} restored rigs",
        control="a Commander that knows logs by spool and number alone",
        control_bad=f"{doubled} of {control} logs stored twice",
    )
    assert wrong == 0
    assert doubled == LOGS, "the control doubled nothing: this test shows nothing"
