"""Replicas: a Commander that is killed, frozen or stopped is replaced by another one, without a log lost or doubled.

Real replicas share a PostgreSQL and a NATS, behind a real balancer with the configuration that operators are given. The
senders know nothing of replicas. The control acknowledges before NATS has a log.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import database
from promise import record, scaled
from sender import Sender, stored

from support.balancers import BALANCERS, balancer
from support.nats_server import NatsServer
from support.replicas import ReplicaProcess, replicas

pytestmark = [pytest.mark.timeout(1200)]
CARELESS = """
from rigfarm.commander.logs.journal import Journal
async def nothing(self, batch, *, with_snapshot):
    return None
Journal._give = nothing
"""
EVERY_S = 0.05
LOGS_AT_ONCE = 5


async def keep_sending(sender: Sender) -> None:
    while True:
        if sender.linked:
            sender.forget_acked()
        else:
            await sender.connect(120)
        sender.send(LOGS_AT_ONCE)
        await asyncio.sleep(EVERY_S)


async def other_leads(farm: Sequence[ReplicaProcess], gone: ReplicaProcess) -> ReplicaProcess:
    """Once another one does."""
    (other,) = [one for one in farm if one is not gone]
    while not await asyncio.to_thread(lambda: other.leads):
        await asyncio.sleep(0.1)
    return other


def kill(one: ReplicaProcess) -> None:
    one.kill()


def stop(one: ReplicaProcess) -> None:
    one.stop()


def freeze(one: ReplicaProcess) -> None:
    one.freeze()


@contextmanager
def two(folder: Path, mutation: str = "") -> Iterator[Sequence[ReplicaProcess]]:
    """Of which the first leads."""
    folder.mkdir()
    with (
        NatsServer(folder) as nats,
        database("postgresql") as settings,
        replicas(folder, 2, {**settings, "nats_url": nats.url}, mutation) as made,
    ):
        yield made


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Sequence[ReplicaProcess]]:
    with two(tmp_path / "farm") as made:
        yield made


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[Sequence[ReplicaProcess]]:
    """The control: they acknowledge what NATS does not have."""
    with two(tmp_path / "careless", CARELESS) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("kind", BALANCERS)
async def test_no_acknowledged_log_is_lost_or_doubled(
    tmp_path: Path, farm: Sequence[ReplicaProcess], careless: Sequence[ReplicaProcess], kind: str
) -> None:
    ends: list[Callable[[ReplicaProcess], None]] = [kill, stop] * scaled(1, 20)
    if kind == "haproxy":
        ends += [freeze] * scaled(1, 10)
    with balancer(kind, tmp_path, [one.port for one in farm]) as url:
        leader = farm[0]
        rigs = await asyncio.to_thread(leader.add_rigs, [f"rig-{n}" for n in range(4)])
        senders = [Sender(url, rig, random.Random(n)) for n, rig in enumerate(rigs)]
        tasks = [asyncio.create_task(keep_sending(one)) for one in senders]
        for end in ends:
            before = sum(len(one.acked) for one in senders)
            while sum(len(one.acked) for one in senders) < before + 100:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(end, leader)
            other = await other_leads(farm, leader)
            if end is freeze:
                leader.thaw()
            else:
                await asyncio.to_thread(leader.start)
            leader = other
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(one.settled(120) for one in senders))
    for one in farm:
        await asyncio.to_thread(one.stop)
    sent = {one.rig_id: one.numbered for one in senders}
    of_leader, of_other = stored(leader.folder), stored(next(one for one in farm if one is not leader).folder)
    wrong = sum(of_leader[rig][number] != 1 for rig, last in sent.items() for number in range(1, last + 1))
    twice = sum(count > 1 for numbers in of_other.values() for count in numbers.values())
    control = await _lost_without_sharing(careless)
    record(
        1,
        f"with replicas behind {kind}, an acknowledged log survives the end of the one that leads; in the end none is "
        "missing or twice",
        n=sum(sent.values()),
        bad=wrong + twice,
        unit=f"logs, {len(ends)} ends",
        control="acknowledge before NATS has them",
        control_bad=f"{control} lost",
    )
    assert (wrong, twice) == (0, 0)
    assert control > 0, "the control lost nothing: this test shows nothing"


async def _lost_without_sharing(farm: Sequence[ReplicaProcess]) -> int:
    """Acknowledged logs that the other replica lacks when the one that leads dies for good."""
    rig = (await asyncio.to_thread(farm[0].add_rigs, ["rig"]))[0]
    sender = Sender(farm[0].url, rig, random.Random(1))
    await sender.connect()
    sender.send(100)
    await sender.settled()
    await asyncio.to_thread(farm[0].kill)
    await other_leads(farm, farm[0])
    await asyncio.to_thread(farm[1].stop)
    return len(sender.acked - set(stored(farm[1].folder).get(rig[0], ())))
