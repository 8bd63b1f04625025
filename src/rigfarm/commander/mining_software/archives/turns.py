"""Turns for work that there is a lot of: a few pieces in one turn of the event loop, so that all else gets its own."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turns"]


class Turns:
    """`await turns.take()` before each piece of work; first come, first served."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._called = False

    async def take(self) -> None:
        """Wait for a turn, which is the next one unless many are waiting."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if not self._called:
            self._called = True
            loop.call_soon(self._call)
        await mine

    def _call(self) -> None:
        called = 0
        while self._waiting and called < self._at_once:
            one = self._waiting.popleft()
            if not one.done():  # one that gave up waiting takes no turn
                one.set_result(None)
                called += 1
        self._called = bool(self._waiting)
        if self._called:
            asyncio.get_running_loop().call_soon(self._call)
