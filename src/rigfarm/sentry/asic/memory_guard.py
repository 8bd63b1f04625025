"""Cuts off devices that answer without end, before their answers fill the memory.

The libraries read an answer whole, however long, until their own timeout: on a fast network that is hundreds of
megabytes. A cancelled reading gives them back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil

from rigfarm.sentry.asic.unit import Unit

__all__ = ["MemoryGuard"]

_DRIFT = 0.002
"""Share of a lasting growth that is taken as normal, per look."""
_SUSPECT_S = 0.3


class MemoryGuard:
    """Watches the memory of this process while readings are under way."""

    def __init__(
        self, growth_bytes: int = 192 << 20, look_every_s: float = 0.2, rss: Callable[[], int] | None = None
    ) -> None:
        self._growth = growth_bytes
        self._every = look_every_s
        self._rss = rss or _own_rss()
        self._normal = float(self._rss())
        self._readings: dict[asyncio.Timeout, tuple[float, Unit]] = {}

    @asynccontextmanager
    async def deadline(self, unit: Unit, seconds: float) -> AsyncIterator[None]:
        """Run a reading of `unit` for at most `seconds`, less if it devours memory; then TimeoutError."""
        unit.greedy = False
        async with asyncio.timeout(seconds) as timeout:
            self._readings[timeout] = (asyncio.get_running_loop().time(), unit)
            try:
                yield
            finally:
                del self._readings[timeout]

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            self.look()

    def look(self) -> None:
        """One look: cut off whoever has been answering for a while, if there is too much of it."""
        rss = self._rss()
        if rss < self._normal + self._growth:
            self._normal = min(rss, self._normal + _DRIFT * (rss - self._normal))
            return
        now = asyncio.get_running_loop().time()
        for timeout, (since, unit) in self._readings.items():
            if now - since > _SUSPECT_S and not timeout.expired():
                unit.greedy = True
                timeout.reschedule(now)


def _own_rss() -> Callable[[], int]:
    process = psutil.Process()
    return lambda: int(process.memory_info().rss)
