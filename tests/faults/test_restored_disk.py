"""Row 3, its other side: a rig whose disk was restored or cloned is heard, and its new logs are not taken for old ones.

A real Sentry gets back the spool of an hour ago, which counts from a number that the Commander has already. The control
is a Commander that does not tell which numbers it has.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from many import ManyRigs, sentry
from promise import record, scaled

from farm import until
from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.link import LinkState
from rigfarm.simulate.commander import CommanderProcess

TELLS_NOTHING = """
import pathlib
from rigfarm.commander.logs.journal import Journal
highest = Journal.highest
Journal.highest = lambda self, spool: None if pathlib.Path({flag!r}).exists() else highest(self, spool)
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
