"""However much there is to do for links, the event loop has time for others in between."""

from __future__ import annotations

import asyncio
import time

from rigfarm.commander.link.turns import TURN_S, Turns


async def test_who_works_long_lets_others_in_between_and_all_have_their_turn_in_order() -> None:
    turns, done, seen = Turns(), list[int](), list[int]()

    async def others() -> None:
        while True:
            seen.append(len(done))
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await asyncio.gather(*(_work(turns, done, number) for number in range(20)))
    beside.cancel()
    await asyncio.wait({beside})
    assert done == list(range(20))
    assert {*seen} >= {*range(1, 20)}, "between any two of them"


async def test_who_works_little_need_not_wait() -> None:
    turns = Turns()
    for _ in range(100):
        assert not turns.over(), "the first of a turn of the loop"
        await asyncio.sleep(0)


async def test_one_that_gives_up_waiting_holds_nobody_up() -> None:
    turns, done = Turns(), list[int]()
    workers = [asyncio.create_task(_work(turns, done, number)) for number in range(9)]
    await asyncio.sleep(0)
    for number in (1, 2, 5):
        workers[number].cancel()
    await asyncio.wait(workers)
    assert done == [0, 3, 4, 6, 7, 8]


async def _work(turns: Turns, done: list[int], number: int) -> None:
    """A whole turn's work."""
    if turns.over():
        await turns.next()
    until = time.perf_counter() + TURN_S
    while time.perf_counter() <= until:
        pass
    done.append(number)
