"""What a Sentry says of lost logs, from the wire to the API: whose they were, and that nobody misses the void ones."""

from __future__ import annotations

import asyncio

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import Gap
from support.load import LoadLink, connect


async def acknowledged(link: LoadLink, payload: bytes, last: int) -> None:
    """Send a gap and wait until the Commander has it."""
    heard = asyncio.Event()
    link.on_acks = lambda _first, upto: heard.set() if upto >= last else None
    link.send(payload)
    await asyncio.wait_for(heard.wait(), 30)


async def dropped(commander: CommanderProcess, rig_id: int) -> int:
    answer = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig_id}")
    assert isinstance(answer, dict)
    return int(answer.get("logs_dropped", 0))


async def test_gaps_are_counted_for_whom_they_concern(commander: CommanderProcess) -> None:
    made = await asyncio.to_thread(commander.add_rigs, ["one", "asic-1", "asic-2"])
    one, first, second = (rig_id for rig_id, _ in made)

    link = await connect(commander.url, [made[0][1]])
    await acknowledged(link, encode(Gap(1, 10)), 10)
    await acknowledged(link, encode(Gap(1, 10)), 10)
    await acknowledged(link, encode(Gap(11, 40, False)), 40)
    assert await dropped(commander, one) == 10, "once, and none that nobody misses"
    await acknowledged(link, encode([4, 41, 45]), 45)
    assert await dropped(commander, one) == 15, "a Sentry of before, which does not say whose: there is only one"
    link.close()

    link = await connect(commander.url, [token for _, token in made[1:]])
    await acknowledged(link, encode(Gap(1, 100, True, [(0, 70, 0), (1, 30, 0)])), 100)
    await acknowledged(link, encode(Gap(1, 100, True, [(0, 70, 0), (1, 30, 0)])), 100)
    await acknowledged(link, encode(Gap(101, 103, True, [(1, 33, 30)])), 103)
    await acknowledged(link, encode(Gap(200, 209, True, [])), 209)
    await acknowledged(link, encode([4, 300, 309]), 309)
    assert (await dropped(commander, first), await dropped(commander, second)) == (70, 33)
    link.close()
