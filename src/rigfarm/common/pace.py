"""How often something may be done: in a burst, and in the long run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """A budget of `most`, which grows back by `per_s` a second."""

    def __init__(self, most: float, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._per_s = per_s
        self._clock = clock
        self._left = most
        self._at = clock()

    def spend(self, cost: float) -> float:
        """How long to wait before the next, s; 0 while there is some left."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s) - cost
        self._at = now
        return max(0.0, -self._left / self._per_s)

    def take(self, cost: float) -> bool:
        """Spend if there is as much left; whether there was."""
        if self.spend(0) or self._left < cost:
            return False
        self._left -= cost
        return True

    async def wait(self, cost: float) -> None:
        """Spend, and wait as long as is due."""
        if delay := self.spend(cost):
            await asyncio.sleep(delay)
