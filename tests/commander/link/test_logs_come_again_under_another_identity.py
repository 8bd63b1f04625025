"""A log is stored once although its Sentry sends it again as another spool's, as one with a restored disk does.

Without this a restored rig doubles hours of its history.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rigfarm.commander.logs import doubles
from rigfarm.commander.logs.doubles import Doubles, Newcomer, UncheckedError
from rigfarm.commander.logs.journal import Journal
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog
from support.load import LoadLink


class Spool:
    """A Sentry's link under one identity; `send` returns when all is acknowledged."""

    def __init__(self, commander: CommanderProcess, tokens: list[str], spool: bytes | None = None) -> None:
        self.spool = spool or os.urandom(16)
        self.acked: set[int] = set()
        self._changed = asyncio.Event()
        self._commander, self._tokens = commander, tokens
        self._link: LoadLink | None = None

    async def __aenter__(self) -> Spool:
        def made() -> LoadLink:
            link = LoadLink(parts.netloc, self._tokens)
            link.spool = self.spool
            link.on_acks = self._acks
            return link

        parts = urlsplit(self._commander.url)
        _, self._link = await asyncio.get_running_loop().create_connection(made, parts.hostname, parts.port)
        await self._link.welcome
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._link is not None
        self._link.close()

    def _acks(self, first: int, last: int) -> None:
        self.acked |= set(range(first, last + 1))
        self._changed.set()

    def begin(self, first: int, times: list[int], slot: int = 0) -> set[int]:
        assert self._link is not None
        self._link.next_seq = first
        self._link.send_logs([encode(OperationalLog(t=t)) for t in times], [slot] * len(times))
        return set(range(first, first + len(times)))

    async def wait(self, numbers: set[int]) -> None:
        async with asyncio.timeout(60):
            while not numbers <= self.acked:
                self._changed.clear()
                await self._changed.wait()

    async def send(self, first: int, times: list[int], slot: int = 0) -> None:
        await self.wait(self.begin(first, times, slot))


def stored(commander: CommanderProcess) -> dict[int, Counter[int]]:
    journal = Journal(commander.folder / "journal.db")
    journal.open()
    found: dict[int, Counter[int]] = {}
    for _, row in journal.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, Counter())[log.t] += 1
    return found


def now_ms() -> int:

    return utc_ms()


def times_of(count: int, before_s: int = 1_000) -> list[int]:
    start = now_ms() - before_s * 1_000
    return [start + 1_000 * number for number in range(count)]


async def add(commander: CommanderProcess, *names: str) -> list[tuple[int, str]]:
    return await asyncio.to_thread(commander.add_rigs, list(names))


async def test_a_hundred_logs_stay_a_hundred(commander: CommanderProcess) -> None:
    ((rig, token),) = await add(commander, "rig")
    times = times_of(100)
    async with Spool(commander, [token]) as old:
        await old.send(1, times)
    async with Spool(commander, [token]) as new:
        fresh = new.begin(500, [now_ms()])  # what is new is sent at once
        await new.send(101, times[:50])
        await new.send(151, times[50:])
        await new.wait(fresh)
    counts = await asyncio.to_thread(stored, commander)
    assert set(times) <= set(counts[rig])
    assert len(counts[rig]) == 101
    assert set(counts[rig].values()) == {1}


async def test_old_logs_that_never_came_are_stored(commander: CommanderProcess) -> None:
    ((rig, token),) = await add(commander, "rig")
    times = times_of(100)
    async with Spool(commander, [token]) as old:
        await old.send(1, times[::2])
    async with Spool(commander, [token]) as new:
        await new.send(1, times)
    counts = await asyncio.to_thread(stored, commander)
    assert counts[rig] == Counter(times)


async def test_logs_that_are_not_durable_yet_count_too(commander: CommanderProcess) -> None:
    ((rig, token),) = await add(commander, "rig")
    times = times_of(100)
    async with Spool(commander, [token]) as old:
        old.begin(1, times)
        async with Spool(commander, [token]) as new:
            await new.send(1, times)
    counts = await asyncio.to_thread(stored, commander)
    assert counts[rig] == Counter(times)


async def test_rigs_on_one_link_are_told_apart(commander: CommanderProcess) -> None:
    rigs = await add(commander, "asic-1", "asic-2")
    tokens = [token for _, token in rigs]
    times = times_of(20)
    async with Spool(commander, tokens) as old:
        await old.send(1, times, slot=0)
        await old.send(21, [*times[:10], times[-1] + 1], slot=1)
    async with Spool(commander, tokens) as new:
        await new.send(1, times, slot=1)
        await new.send(21, times, slot=0)
    counts = await asyncio.to_thread(stored, commander)
    assert counts[rigs[0][0]] == Counter(times)
    assert counts[rigs[1][0]] == Counter([*times, times[-1] + 1])


async def test_a_commander_that_is_killed_in_the_middle_doubles_nothing(commander: CommanderProcess) -> None:
    ((rig, token),) = await add(commander, "rig")
    times = times_of(100)
    async with Spool(commander, [token]) as old:
        await old.send(1, times)
    spool = os.urandom(16)
    async with Spool(commander, [token], spool) as new:
        await new.send(1, times[:40])
    await asyncio.to_thread(commander.kill)
    await asyncio.to_thread(commander.start)
    async with Spool(commander, [token], spool) as again:
        await again.send(31, times[30:])
    counts = await asyncio.to_thread(stored, commander)
    assert counts[rig] == Counter(times)


async def test_a_spool_that_is_known_is_never_compared(commander: CommanderProcess) -> None:
    """A rig that was cut off for long sends its backlog beside new logs: the usual case, which must stay quick."""
    ((rig, token),) = await add(commander, "rig")
    times = times_of(100)
    spool = os.urandom(16)
    async with Spool(commander, [token], spool) as link:
        await link.send(1, times[:10])
        await link.send(500, [now_ms()])
    async with Spool(commander, [token], spool) as link:
        await link.send(11, times[:90])  # the same times: were they compared, they would be taken for doubles
    counts = await asyncio.to_thread(stored, commander)
    assert sum(counts[rig].values()) == 101


# Bounds


async def journal_with(folder: Path, rigs: int, times: list[int]) -> Journal:
    journal = Journal(folder / "journal.db")
    journal.open()
    journal.start()
    for rig in range(rigs):
        logs: list[bytes] = [encode(OperationalLog(t=t)) for t in times]
        span = rig * 1_000, rig * 1_000 + len(times) - 1
        journal.add(b"s" * 16, journal.take(b"s" * 16, *span), [rig] * len(times), list(logs), span, lambda *_: None)
    await journal.settled()
    return journal


async def test_what_is_too_much_to_read_is_stored_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = times_of(50)
    journal = await journal_with(tmp_path, 2, times)
    reader = Doubles(journal)
    unchecked: list[set[int]] = []
    reader.on_unchecked = unchecked.append
    log = OperationalLog(t=times[0])

    monkeypatch.setattr(doubles, "READS_AN_HOUR", 2)
    for _ in range(2):
        newcomer = Newcomer(os.urandom(16), {1: times[-1]})
        with pytest.raises(UncheckedError) as found:
            newcomer.doubles([1], [log])
        await reader.learn(newcomer, found.value)
        assert newcomer.doubles([1], [log]) == {0}
    newcomer = Newcomer(os.urandom(16), {1: times[-1]})
    await reader.learn(newcomer, UncheckedError({1}, times[0]))
    assert newcomer.doubles([1], [log]) == set()
    assert unchecked == [{1}]

    monkeypatch.setattr(doubles, "READ_S", -1.0)
    newcomer = Newcomer(os.urandom(16), {0: times[-1]})
    await reader.learn(newcomer, UncheckedError({0}, times[0]))
    assert unchecked == [{1}, {0}]

    monkeypatch.setattr(doubles, "MAX_WAITING", 0)
    newcomer = Newcomer(os.urandom(16), {7: times[-1]})
    await reader.learn(newcomer, UncheckedError({7}, times[0]))
    assert newcomer.doubles([7], [log]) == set()
    assert unchecked[-1] == {7}
    reader.close()
    await journal.close()
