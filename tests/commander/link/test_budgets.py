"""A rig that sends too much is slowed down and thinned out, is named, and harms nobody else. A backlog of a day is not
too much."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from speaker import Speaker, speaker, stored

from rigfarm.commander.events import Events, TokenRotated
from rigfarm.commander.identity import Identity
from rigfarm.commander.link import charge
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.link.budgets import GREETINGS_AT_ONCE, Allowance, Budget, Budgets
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.receive import receive
from rigfarm.commander.link.registry import MAX_IN_FLIGHT, Links
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import Doubles, Journal
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import decode_down, encode
from rigfarm.wire.frames import MAX_RANGES, Acks, Logs, Verdict
from rigfarm.wire.log import OperationalLog, Workload
from support.load import a_log

MIB = 1 << 20


def test_an_allowance_is_generous_at_once_and_then_has_its_pace() -> None:
    assert Allowance(10.0, 100.0).spend(100.0, 1_000.0) == 0.0, "all that is there"
    allowance = Allowance(10.0, 100.0)
    assert [allowance.take(50.0, 1_000.0) for _ in range(3)] == [0.0, 0.0, 5.0]
    assert allowance.take(50.0, 1_010.0) == 0.0, "waiting pays"
    assert allowance.take(50.0, 1_010.0) == 5.0
    assert allowance.take(100.0, 9_000.0) == 0.0
    assert allowance.spend(1.0, 9_000.0) is None
    assert allowance.spend(1.0, 9_000.15) == 0.0
    assert allowance.spend(1.0, 9_000.15) is None
    assert allowance.spend(1.0, 9_000.15, within_s=5.0) == pytest.approx(0.05)
    assert [allowance.spend(90.0, 9_000.15, within_s=5.0) for _ in range(1_000)] == [None] * 1_000
    assert allowance.spend(1.0, 9_000.4) == 0.0, "what was refused is no debt"


def test_a_backlog_of_a_day_is_taken_at_once_and_a_flood_is_not() -> None:
    size = len(encode(a_log(1, 1_700_000_000_000, gpus=6)))
    budget, logs = Budget(512.0 * MIB), 86_400 // 5
    assert budget.take(logs, logs * size, 1_000.0) == 0.0
    flooded = Budget(512.0 * MIB)
    waited = sum(flooded.take(500, MIB, 1_000.0 + n / 1_000) for n in range(100))
    assert waited > 80


def test_a_second_by_second_reporter_with_sixteen_gpus_stays_within_a_third_of_its_share_of_the_journal() -> None:
    size = len(encode(a_log(1, 1_700_000_000_000, gpus=16)))
    budget = Budget(512.0 * MIB)
    assert all(budget.journal.spend(size, second) == 0.0 for second in range(3 * 86_400))
    assert 86_400 * size < 512 * MIB / 3


def test_budgets_are_of_rigs_and_go_with_them() -> None:
    """A new connection is no new budget; a removed rig leaves none behind."""
    budgets = Budgets(512.0 * MIB)
    assert budgets.of(1) is budgets.of(1)
    budgets.forget(1)
    assert len(budgets) == 0


# Who pays, and who waits


async def _nothing(*_: object) -> None:
    pass


@pytest.fixture
def links(tmp_path: Path) -> Links:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    book: Any = SimpleNamespace(rigs={})
    events = Events()
    stats = OperationalStats(Hub(), events, 5.0)
    return Links(
        book,
        stats,
        journal,
        events,
        Identity.open(tmp_path),
        Arrivals(book, stats),
        Doubles(journal),
        sources=[],
        handlers={},
        interval_s=5.0,
        incidents=Incidents(),
    )


def linked(links: Links, *rigs: int) -> Link:
    link = Link(links, "192.0.2.1", _nothing, _nothing)
    link.rigs, link.slots, link.heard = list(rigs), {rig: slot for slot, rig in enumerate(rigs)}, len(rigs)
    links.links.add(link)
    links.by_rig.update(dict.fromkeys(rigs, link))
    return link


async def test_each_rig_of_a_link_pays_for_its_own_logs(links: Links) -> None:
    """One device of a LAN that floods must not use up what the others of its Sentry may send."""
    link = linked(links, 1, 2)
    log = bytes(MIB)
    for _ in range(20):
        charge.for_logs(links, link, [1], [log], 1, MIB + 10)
    now = time.monotonic()
    assert links.budgets.of(1).take(0, 0, now) > 1
    assert links.budgets.of(2).take(0, 0, now) == 0


async def test_what_is_sent_again_and_again_is_paid_for(links: Links) -> None:
    link = linked(links, 1)
    for _ in range(100):
        charge.for_logs(links, link, [], [], 500, MIB)
    assert links.budgets.of(1).take(0, 0, time.monotonic()) > 50


async def test_a_link_that_nobody_is_heard_on_any_more_has_next_to_nothing(links: Links) -> None:
    link = linked(links, 1)
    links.by_rig.clear()
    link.heard = 0
    for _ in range(10):
        charge.for_logs(links, link, [], [], 500, MIB)
        charge.for_words(links, link, link.pays(), MIB)
    assert link._owes > 100
    assert len(links.budgets) == 0


async def test_who_has_much_under_way_waits_for_its_commit_and_who_has_little_goes_on(links: Links) -> None:
    """One flooding link held up all others, because there was one queue for everybody."""
    flood, calm = linked(links, 1), linked(links, 2)
    while flood.in_flight <= MAX_IN_FLIGHT:
        flood.flies(MIB)
    calm.flies(600)
    await asyncio.wait_for(calm.pay(), 60)
    waiting = asyncio.create_task(flood.pay())
    await asyncio.sleep(0)
    assert not waiting.done()
    flood.ack(1, 1)
    await asyncio.wait_for(waiting, 60)
    links.journal._room.clear()  # 64 MiB wait for a slow disk
    await asyncio.wait_for(calm.pay(), 60)
    many = [linked(links, 10 + n) for n in range(100)]
    for link in many:
        link.flies(MIB)
    assert links.may_fly() < MIB
    stuck = [asyncio.create_task(link.pay()) for link in many]
    await asyncio.wait_for(calm.pay(), 60)
    await asyncio.sleep(0)
    assert not any(task.done() for task in stuck)
    for link in many:
        link.left()
    await asyncio.wait_for(asyncio.gather(*stuck), 60)


async def test_what_waited_while_its_rig_was_removed_is_not_taken(links: Links) -> None:
    """A frame may wait for its turn, for room in the journal, for what its rig owes: rights are checked afterwards."""
    link = linked(links, 1, 2)
    now = utc_ms()
    logs = [msgspec.Raw(encode(OperationalLog(t=now + n))) for n in range(2)]
    data = encode(Logs(1, [0, 1], logs))
    links.by_rig.pop(1)
    link.revoke(1, Verdict("removed", 1, "rig"))
    receive(links, link, data)
    assert links.journal._pending.rigs == [2]
    assert link.in_flight == len(data), "and yet it is acknowledged, or it would come for ever"
    for frame in ([2, 0, {"sentry_version": "1"}], [5, 0, []], [6, 0, []], [7, 0, 1, 0, []], [8, "id", 0, "done"]):
        assert receive(links, link, encode(frame)) is None
    assert links.budgets.of(2).words.spend(1, time.monotonic()) == 0.0


async def test_a_new_token_is_a_new_start(links: Links) -> None:
    """Who stole the old one used up what the rig may do: its owner must not wait for that."""
    used_up = links.budgets.of(1)
    links._token_rotated(TokenRotated(1))
    assert links.budgets.of(1) is not used_up


# With a real Commander


async def flood(sentry: Speaker, mib: int) -> int:
    """So many MiB of logs that cannot be compressed, as fast as they are taken; how many."""
    size, count = 32 << 10, mib * 32
    now = utc_ms()
    for start in range(0, count, 16):
        await sentry.say(
            *(OperationalLog(t=now + start + n, messages=[os.urandom(size // 2).hex()]) for n in range(16))
        )
    await sentry.acknowledged()
    return count


async def test_a_rig_cannot_fill_the_journal_and_its_page_says_so(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", settings={"journal_mib_per_rig": "2"}) as commander:
        (bad, token), (good, other) = await asyncio.to_thread(commander.add_rigs, ["bad", "good"])
        async with speaker(commander) as sentry, speaker(commander) as beside:
            await sentry.hello(token)
            await beside.hello(other)
            sent = await flood(sentry, 6)
            await beside.log(*[0] * 400)
        detail = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{bad}")
        assert isinstance(detail, dict)
        log = commander.log.read_text()
        await asyncio.to_thread(commander.stop)
    kept = stored(commander)
    assert kept[bad] <= 2 * 32 + 1
    assert kept[bad] + detail["logs_not_kept"] == sent
    assert kept[good] == 400
    assert "more than its share of the journal" in log
    assert "source=bad" in log
    assert "source=good" not in log


async def test_logs_of_an_impossible_time_are_acknowledged_and_not_believed(commander: CommanderProcess) -> None:
    """Were one believed, every later log of the rig would look old; were one not acknowledged, its Sentry would send it
    for ever."""
    ((rig, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    now = utc_ms()
    day = 86_400_000
    async with speaker(commander) as sentry:
        await sentry.hello(token)
        rates = [Workload(coin="XMR", hashrate=float(n)) for n in range(6)]
        times = [0, now + 40 * day, 4_102_444_799_999, now - 20 * 366 * day, now - 2 * day, now]
        await sentry.say(*(OperationalLog(t=t, workloads=[rates[n]]) for n, t in enumerate(times)))
        await sentry.acknowledged()
        await sentry.say(OperationalLog(t=now + 5 * day, workloads=[rates[1]]))  # a clock that jumped
        await sentry.acknowledged()
        await sentry.say(OperationalLog(t=now + 1, workloads=[Workload(coin="XMR", hashrate=42.0)]))
        await sentry.acknowledged()
        detail = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig}")
        assert isinstance(detail, dict)
        assert detail["hashrates"] == {"XMR": 42.0}
        assert detail["logs_not_kept"] == 4
    await asyncio.to_thread(commander.stop)
    assert stored(commander)[rig] == 4


async def test_who_greets_without_end_is_made_to_wait(commander: CommanderProcess) -> None:
    """A Hello of thousands of tokens costs milliseconds, and everything that waits for their rigs is told again."""
    (_, token), (_, other) = await asyncio.to_thread(commander.add_rigs, ["greeter", "rig"])
    async with speaker(commander) as sentry, speaker(commander) as beside:
        await beside.hello(other)
        for _ in range(int(GREETINGS_AT_ONCE) + 2):
            await sentry.hello(token)
        await beside.log(0)
    assert "greets too often" in commander.log.read_text()


async def test_a_sentry_that_reads_no_acknowledgements_is_hung_up_on(links: Links) -> None:
    """What it was not told yet is kept for it: ranges that do not touch would be kept for ever."""
    link = linked(links, 1)
    for number in range(MAX_RANGES + 10):
        link.flies(10)
        link.ack(2 * number, 2 * number)
    assert link.closed
    assert len(link._acks) == MAX_RANGES
    decode_down(encode(Acks(link._acks)))
