"""NATS lost its last messages, and the one that led is gone: who takes over gives them again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rigfarm.commander.logs.rows import pack_body, pack_rigs
from rigfarm.commander.replicas.again import Again
from rigfarm.commander.replicas.follow import Follower
from rigfarm.commander.replicas.lead import Lead
from rigfarm.commander.replicas.model import Message, RowMessage, TermMessage
from rigfarm.commander.replicas.replica import Replica
from rigfarm.commander.replicas.stream import Stream
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Tenant
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog

SPOOL = b"s" * 16


def row(number: int) -> RowMessage:
    log = encode(OperationalLog(t=1_000 + number))
    return RowMessage(utc_ms(), pack_rigs([7]), pack_body([log], {SPOOL: [number, number]}))


async def test_a_replica_that_has_more_than_nats_takes_over_and_gives_it_again(
    tmp_path: Path, postgresql_url: str, stream: Stream, other: Stream
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgresql_url, history="off")
    sent = [row(number) for number in (1, 2, 3)]
    for one in sent:
        await stream.publish(one)
    tenant = Tenant("rigfarm test", lambda: None)
    lead = Lead(settings.database, tenant)
    await lead.prepare()
    follower = Follower(settings, lead, other)
    await follower.open()
    await follower.catch_up()

    await stream.js.delete_stream("farm")
    await stream._make(3600, 1)
    stream.last = 0
    await stream.publish(sent[0])

    replica = Replica(settings, lead, other, tenant, "b", Again(settings))
    try:
        async with asyncio.timeout(10):
            assert await replica._take(await lead.look(), follower) == 1
    finally:
        await follower.close()
        await lead.close()
    there: list[Message] = []
    async for messages in stream.read(0):
        there += [message for _, message in messages]
        if len(there) >= 4:
            break
    assert there == [*sent, TermMessage("rigfarm test", 1)]


async def test_one_that_misses_messages_says_so_and_does_not_take_over(
    tmp_path: Path, postgresql_url: str, stream: Stream, other: Stream
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgresql_url, history="off")
    lead = Lead(settings.database, Tenant("rigfarm test", lambda: None))
    await lead.prepare()
    follower = Follower(settings, lead, other)
    await follower.open()
    for number in (1, 2, 3):
        await stream.publish(row(number))
    await stream.js.purge_stream("farm", seq=3)
    following = asyncio.create_task(follower.follow(Part()))
    try:
        async with asyncio.timeout(10):
            while not follower.trouble and not following.done():
                await asyncio.sleep(0.05)
        assert "message 1 is missing" in follower.trouble
        assert not following.done()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await follower.close()
        await lead.close()
