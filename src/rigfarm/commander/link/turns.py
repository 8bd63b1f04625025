"""Thousands of links share one event loop with everything else. A commit acknowledges the logs of all of them at the
same moment, and a slow machine finds frames of all of them waiting: were that done at once, pages, timers and the next
commit would wait for tenths of a second. So work for links is done for ten milliseconds in each turn of the loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque

__all__ = ["TURN_S", "Turns"]

TURN_S = 0.01
WOKEN = 100
"""Who waited is woken so many at a time; those for whom the turn is too short wait again."""


class Turns:
    """`if turns.over(): await turns.next()` before each piece of work."""

    def __init__(self) -> None:
        self._ends: float | None = None
        """When this turn has lasted long enough; None until something works in it."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scheduled = False

    def over(self) -> bool:
        """Whether enough was done in this turn of the loop."""
        now = time.perf_counter()
        if self._ends is None:
            self._ends = now + TURN_S
            self._schedule()
            return False
        return now > self._ends

    async def next(self) -> None:
        """Wait for a turn in which there is time left; longest waiting first."""
        loop = asyncio.get_running_loop()
        while True:
            mine = loop.create_future()
            self._waiting.append(mine)
            self._schedule()
            await mine
            if not self.over():
                return

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        """A new turn of the loop."""
        self._scheduled = False
        self._ends = None
        for _ in range(min(WOKEN, len(self._waiting))):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
        if self._waiting:
            self._schedule()
