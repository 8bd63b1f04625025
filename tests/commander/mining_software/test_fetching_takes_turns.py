"""Turns: first come, first served; a few in one turn of the loop; who gives up takes nobody's."""

from __future__ import annotations

import asyncio

from rigfarm.commander.mining_software.archives.turns import Turns


async def test_it_works() -> None:
    turns, order = Turns(2), []

    async def work(number: int) -> None:
        await turns.take()
        order.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(7)]
    seen = []
    while len(order) < 7:
        await asyncio.sleep(0)
        seen.append(len(order))
    assert order == list(range(7))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) == 2
    await asyncio.gather(*tasks)


async def test_who_gives_up_takes_nobodys_turn() -> None:
    turns = Turns(1)
    tasks = [asyncio.create_task(turns.take()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.wait_for(tasks[2], 60)
    await asyncio.wait_for(turns.take(), 60)


async def test_others_get_their_turns_between() -> None:
    turns, others = Turns(1), 0

    async def other() -> None:
        nonlocal others
        while True:
            await asyncio.sleep(0)
            others += 1

    beside = asyncio.create_task(other())
    await asyncio.gather(*(turns.take() for _ in range(50)))
    beside.cancel()
    await asyncio.wait({beside})
    assert others >= 49
