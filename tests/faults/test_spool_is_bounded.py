"""Row 5: a spool keeps to its size, and the Commander shows for every rig exactly how many logs were lost.

A real Sentry that speaks for several rigs, some chattier than others, is offline until its spool has overflowed twice;
then the link to the real Commander breaks again and again while it tells. The control tells of no gap.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from many import ManyRigs, sentry, written
from promise import record, scaled
from relay import Relay

from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.spool import spool as spools
from rigfarm.simulate.commander import CommanderProcess
from support.until import until

LIMIT_MIB = 1
SEGMENT_BYTES = 1 << 20
"""The rollback journal of one commit, beside the file."""
PADDING = 900
ROUND_LOGS = 300
"""A quarter of what the spool holds; the last rig reports more than the others."""


async def overflow(
    folder: Path, commander: CommanderProcess, rigs: list[tuple[int, str]], spools: int
) -> tuple[int, dict[int, int]]:
    """Report so many times what the spool can hold, then tell; (largest size on the disk, logs reported by rig)."""
    part = ManyRigs([token for _, token in rigs])
    largest = 0
    async with Relay(commander.port) as relay:
        relay.become("refuse")
        async with sentry(folder, relay.url, part, spool_mib=LIMIT_MIB) as agent:
            for _ in range(spools * 4):
                for number in range(ROUND_LOGS):
                    part.report(rigs[min(number % (len(rigs) + 2), len(rigs) - 1)][1], padding=PADDING)
                await written(agent)
                largest = max(largest, sum(file.stat().st_size for file in folder.glob("spool.db*")))
            relay.become("forward")
            for _ in range(3):
                await until(lambda: agent.link.state is LinkState.ONLINE, "online")
                await asyncio.sleep(0.1)
                links = relay.accepted
                relay.cut()
                await until(lambda links=links: relay.accepted > links, "it comes back")  # type: ignore[misc]
            await until(lambda: agent.link.state is LinkState.ONLINE and agent.spool.stats().logs == 0, "drained")
            await until(lambda: not agent.spool.gaps() or Lanes._gap is no_gap, "the Commander knows of all gaps")
    return largest, {rig_id: part.reported[token] for rig_id, token in rigs}


def no_gap(_lanes: Lanes) -> None:
    """The mutation: what is lost is never told."""
    return


async def shown(commander: CommanderProcess, rigs: list[tuple[int, str]]) -> dict[int, int]:
    """How many lost logs the Commander says each rig has."""
    found = {}
    for rig_id, _ in rigs:
        answer = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig_id}")
        assert isinstance(answer, dict)
        found[rig_id] = int(answer.get("logs_dropped", 0))
    return found


def stored(folder: Path) -> Counter[int]:
    """How many logs of each rig are in the journal."""
    journal = Journal(folder / "journal.db")
    journal.open()
    return Counter(rig_id for _, row in journal.rows_after(0) for rig_id, _ in row.raw_logs())


@pytest.mark.timeout(600)
async def test_what_is_lost_is_counted_for_the_rig_that_lost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "COMMIT_EVERY_S", 0.01)
    with CommanderProcess(tmp_path / "commander") as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"asic-{n}" for n in range(8)], "asic")
        farms = [made[:4], made[4:5]]
        """A Sentry of many rigs, and one of one."""
        largest, reported, said = 0, {}, {}
        for number, rigs in enumerate(farms):
            size, logs = await overflow(tmp_path / f"sentry-{number}", commander, rigs, scaled(2, 40))
            largest, reported, said = max(largest, size), reported | logs, said | await shown(commander, rigs)
        monkeypatch.setattr(Lanes, "_gap", no_gap)
        _, silent = await overflow(tmp_path / "control", commander, made[5:], 2)
        control = sum((await shown(commander, made[5:])).values())
    kept = stored(commander.folder)
    true = {rig_id: count - kept[rig_id] for rig_id, count in reported.items()}
    unheard = sum(count - kept[rig_id] for rig_id, count in silent.items())
    record(
        5,
        f"a spool of {LIMIT_MIB} MiB never takes more than {largest / 2**20:.2f} MiB of the disk, and every lost log "
        f"is counted for its rig ({len(true)} rigs)",
        n=sum(true.values()),
        bad=sum(abs(said[rig_id] - count) for rig_id, count in true.items()),
        unit="lost logs",
        control="no gap record",
        control_bad=f"{control} of {unheard} shown",
    )
    assert all(count > 0 for count in true.values()), "nothing was lost: this shows nothing"
    assert said == true
    assert largest <= (LIMIT_MIB << 20) + SEGMENT_BYTES
    assert control == 0 < unheard
