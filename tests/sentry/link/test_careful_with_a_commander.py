"""A log in the spool that the real Commander cannot read: it alone is given up, and everything else arrives once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running

from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.clock import wall_ms
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.record import LOG, Record, token_key
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload
from support.until import until

GOOD = 1_000
LIVE = 20
FIRST_LIVE = 10_000


def spooled(path: Path, tokens: list[str], bad: dict[int, bytes]) -> None:
    """A spool as an offline Sentry leaves it; the number of a log is its `uptime_s`."""
    path.parent.mkdir(mode=0o700)
    file = SpoolFile(path, 16 << 20)
    began = wall_ms() - 10 * GOOD
    records = []
    for number in range(1, GOOD + len(bad) + 1):
        body = bad.get(number) or encode(OperationalLog(t=began + 10 * number, uptime_s=float(number)))
        records.append(Record(LOG, number, 0, token_key(tokens[number % len(tokens)]), body))
    file.commit(Batch(records, next_seq=GOOD + len(bad) + 1))
    file.close()


def stored(folder: Path) -> Counter[tuple[int, float]]:
    """How often each log is in the journal, by rig and number."""
    journal = Journal(folder / "journal.db")
    journal.open()
    return Counter((rig, log.uptime_s or 0.0) for _, row in journal.rows_after(0) for rig, log in row.logs())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "bad",
    [
        {457: b"\xc1 this is not msgpack"},
        {1: encode(["no time"]), 458: encode([1 << 63]), GOOD + 3: encode([wall_ms(), 5.0, None, None, None, [[7]]])},
        {n: encode(OperationalLog(t=n, workloads=[Workload()] * 1_000)) for n in (500, 501, 502)},
    ],
    ids=["garbage", "first, middle and last", "too many workloads, three in a row"],
)
async def test_one_log_the_commander_cannot_read(tmp_path: Path, settings: Settings, bad: dict[int, bytes]) -> None:
    """The operator would lose a rig's whole backlog, or never see the rig again, for one damaged log."""
    with CommanderProcess(tmp_path / "commander") as commander:
        rigs = await asyncio.to_thread(commander.add_rigs, ["rig-01", "rig-02"])
        tokens = [token for _, token in rigs]
        spooled(settings.data_dir / "spool.db", tokens, bad)
        here = msgspec.structs.replace(settings, commander=commander.url)
        parts = [FakePart(token) for token in tokens]
        for part in parts:
            part.reports = FIRST_LIVE
        async with running(Agent(here, parts, timings=QUICK)) as agent:
            await until(lambda: all(part.verdicts for part in parts), within_s=60)
            for _ in range(LIVE):
                for part in parts:
                    part.report()
                await asyncio.sleep(0.05)
            await until(lambda: agent.spool.stats().logs == 0 and not agent.spool.gaps(), within_s=200)
            await until(lambda: agent.link.state is LinkState.ONLINE)
            assert agent.spool.stats().dropped == len(bad)
            assert agent.link._session is not None
            said = {
                rig: (await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig}")).get("logs_dropped", 0)  # type: ignore[attr-defined]  # it is an object
                for rig, _ in rigs
            }
        await asyncio.to_thread(commander.stop)
        found = stored(commander.folder)
    wanted = {(rigs[number % 2][0], float(number)) for number in range(1, GOOD + len(bad) + 1) if number not in bad} | {
        (rig, float(FIRST_LIVE + number)) for rig, _ in rigs for number in range(1, LIVE + 1)
    }
    assert found.keys() == wanted
    assert set(found.values()) == {1}
    lost = Counter(rigs[number % 2][0] for number in bad)
    assert said == {rig: lost[rig] for rig, _ in rigs}
