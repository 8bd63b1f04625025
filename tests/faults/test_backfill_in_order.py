"""Row 4: after a day offline everything arrives, in order for each rig, and what is new does not wait behind it.

A real Sentry that speaks for a hundred rigs, by a clock that a test moves through 24 hours, restarted while it is
offline, and a real Commander. The control keeps its spool in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import pairwise
from pathlib import Path

import pytest
from many import ManyRigs, sentry, written
from promise import record, scaled

from rigfarm.commander.logs.journal import Journal
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool import spool as spools
from rigfarm.sentry.spool.clock import Clock
from rigfarm.sentry.spool.record import Record
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import decode_log
from support.until import until

DAY_MS = 86_400_000
RIGS = 100
LIVE_EVERY_S = 0.25
CONTROL_FROM = 1_000_000


class Day:
    """The boot-time clock of a machine, moved by hand until `flows`."""

    def __init__(self) -> None:
        self.ms = 5_000
        self._since: float | None = None

    def flows(self) -> None:
        """From now on it goes by itself."""
        self._since = time.monotonic()

    def __call__(self) -> int:
        return self.ms if self._since is None else self.ms + int((time.monotonic() - self._since) * 1000)


async def offline(folder: Path, part: ManyRigs, tokens: list[str], each: int, clock: Clock, day: Day) -> None:
    """One half of the day: every rig reports `each` times, and nobody listens."""
    async with sentry(folder, "http://127.0.0.1:9", part, clock=clock) as agent:
        for _ in range(each):
            day.ms += DAY_MS // (2 * each)
            for token in tokens:
                part.report(token)
            if agent.spool._pending.memory > spools.HURRY_BYTES:
                await until(lambda: agent.spool._pending.memory < spools.BATCH_BYTES, "the spool is written", 120)
        await written(agent)


class Lateness:
    """How long each live log took from the reporter to the Commander's acknowledgement, s."""

    def __init__(self, spool: Spool, part: ManyRigs, tokens: list[str]) -> None:
        self._part, self._tokens = part, tokens
        self._at: dict[int, float] = {}
        self._first = spool.next_seq
        self.waits: list[float] = []
        self.backlog = 0
        """Old logs that came after the first live one did."""
        recorded, acked = spool.on_recorded, spool.acked

        def note(records: list[Record]) -> None:
            self._at.update((one.seq, decode_log(one.body).t / 1000) for one in records)
            recorded(records)

        def hear(first: int, last: int) -> None:
            acked(first, last)
            now = self.now()
            for number in range(first, last + 1):
                if number in self._at:
                    self.waits.append(now - self._at.pop(number))
                elif self.waits:
                    self.backlog += 1

        spool.on_recorded, spool.acked = note, hear  # type: ignore[method-assign]

    def now(self) -> float:
        """By the clock that stamps the logs, s."""
        assert self._part.reporter is not None
        return self._part.reporter.now_ms("nobody's") / 1000

    async def report(self) -> None:
        """For ever, for every rig."""
        while True:
            for token in self._tokens:
                self._part.report(token)
            await asyncio.sleep(LIVE_EVERY_S)


def arrived(folder: Path) -> dict[int, list[tuple[float, int]]]:
    """(number, t) of every rig's logs, in the order of arrival."""
    journal = Journal(folder / "journal.db")
    journal.open()
    found: dict[int, list[tuple[float, int]]] = {}
    for _, row in journal.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, []).append((log.uptime_s or 0.0, log.t))
    return found


@pytest.mark.timeout(900)
async def test_a_day_offline_arrives_whole_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each = scaled(60, 4_000)
    with CommanderProcess(tmp_path / "commander") as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"asic-{n}" for n in range(RIGS)], "asic")
        tokens = [token for _, token in made]
        part, day = ManyRigs(tokens), Day()
        clock = Clock(carrier=day, wall=lambda: 1_800_000_000_000 + day(), boot="this one")
        for _ in range(2):
            await offline(tmp_path / "sentry", part, tokens, each // 2, clock, day)
        day.flows()
        async with sentry(tmp_path / "sentry", commander.url, part, clock=clock) as agent:
            live = Lateness(agent.spool, part, tokens)
            await until(lambda: agent.link.state is LinkState.ONLINE)
            began = time.monotonic()
            reporting = asyncio.create_task(live.report())
            await until(lambda: agent.spool.stats().logs <= RIGS * 4, "drained", 600)
            took = time.monotonic() - began
            reporting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporting
            await until(lambda: agent.spool.stats().logs == 0, "all acknowledged", 60)
        await memory_only(tmp_path / "control", commander.url, tokens, monkeypatch)
    found = arrived(commander.folder)
    lost = sum((CONTROL_FROM + 1) not in {number for number, _ in found[rig_id]} for rig_id, _ in made)
    missing = sum(
        len(set(range(1, part.reported[token] + 1)) - {number for number, _ in found[rig_id]}) for rig_id, token in made
    )
    unordered = sum(disorder(found[rig_id], each // 2 * 2) for rig_id, _ in made)
    waits = sorted(live.waits)
    late = sum(wait >= 1.0 for wait in waits)
    record(
        4,
        f"24 h offline arrive whole and in order for each of {RIGS} rigs, {RIGS * each / took:,.0f}/s; new logs are "
        f"acknowledged meanwhile after {waits[len(waits) // 2]:.2f} s (median; {late} of {len(waits)} took 1 s)",
        n=RIGS * each,
        bad=missing + unordered,
        unit="logs",
        control="memory-only spool",
        control_bad=f"{lost} of {RIGS} logs lost at a restart",
    )
    assert (missing, unordered) == (0, 0)
    assert live.backlog > 0, "nothing waited: this shows nothing"
    assert lost == RIGS


def disorder(logs: list[tuple[float, int]], old: int) -> int:
    """How many of a rig's old logs came before one that is older, or have a time that does not fit their number."""
    wrong = sum(after <= before for before, after in pairwise([one for one in logs if one[0] <= old]))
    stamped = sorted(one for one in logs if one[0] < CONTROL_FROM)
    return wrong + sum(after[1] <= before[1] for before, after in pairwise(stamped))


async def memory_only(folder: Path, url: str, tokens: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: a Sentry without a file, restarted before it was linked."""
    with monkeypatch.context() as patch:
        patch.setattr("rigfarm.sentry.agent.agent.Spool", lambda _path, limit: Spool(None, limit))
        part = ManyRigs(tokens)
        async with sentry(folder, "http://127.0.0.1:9", part) as agent:
            for token in tokens:
                part.reported[token] = CONTROL_FROM
                part.report(token)
            await written(agent)
        async with sentry(folder, url, ManyRigs(tokens)) as agent:
            await until(lambda: agent.link.state is LinkState.ONLINE and agent.spool.stats().logs == 0)
