"""Thousands of links that want to send at the same moment leave the event loop to others in between."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import cast

from rigfarm.commander.link.link import Link
from rigfarm.commander.link.turns import AT_ONCE, Turns


async def test_links_send_in_order_and_others_have_their_turn_in_between() -> None:
    links = [cast("Link", object()) for _ in range(10 * AT_ONCE + 1)]
    begun: list[Link] = []
    turns = Turns(begun.append)
    for link in links:
        turns.ask(link)
    seen = [0]
    while len(begun) < len(links):
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert begun == links
    assert max(after - before for before, after in pairwise(seen)) <= AT_ONCE


async def test_a_link_that_asks_while_others_wait_comes_after_them() -> None:
    first, second, third = links = [cast("Link", object()) for _ in range(3)]
    begun: list[Link] = []
    turns = Turns(begun.append)
    turns.ask(first)
    turns.ask(second)
    await asyncio.sleep(0)
    turns.ask(third)
    while len(begun) < 3:
        await asyncio.sleep(0)
    assert begun == links
