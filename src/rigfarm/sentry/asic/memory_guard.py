"""Cuts off devices that answer without end, before their answers fill the memory.

The libraries read an answer whole, however long, until their own timeout: on a fast network that is hundreds of
megabytes. A cancelled reading gives them back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

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

    def deadline(self, unit: Unit, seconds: float) -> AbstractAsyncContextManager[None]:
        """Run a reading of `unit` for at most `seconds`, less if it devours memory; then TimeoutError."""
        return _Deadline(self._readings, unit, seconds)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            self.look()

    def look(self) -> None:
        """One look: cut off the device that has been answering for a while, if there is too much of it."""
        rss = self._rss()
        if rss < self._normal + self._growth:
            self._normal = min(rss, self._normal + _DRIFT * (rss - self._normal))
            return
        now = asyncio.get_running_loop().time()
        for timeout, (since, unit) in self._readings.items():
            if now - since > _SUSPECT_S and not timeout.expired():
                unit.greedy = True
                timeout.reschedule(now)


class _Deadline:
    """A timeout that is known to the guard as long as it runs."""

    def __init__(self, readings: dict[asyncio.Timeout, tuple[float, Unit]], unit: Unit, seconds: float) -> None:
        self._readings = readings
        self._unit = unit
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        self._unit.greedy = False
        await self._timeout.__aenter__()
        self._readings[self._timeout] = (asyncio.get_running_loop().time(), self._unit)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._readings[self._timeout]
        await self._timeout.__aexit__(kind, error, trace)


def _own_rss() -> Callable[[], int]:
    process = psutil.Process()
    return lambda: int(process.memory_info().rss)
