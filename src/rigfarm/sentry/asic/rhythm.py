"""When each device's turn is: one clock for all, on the monotonic clock, whatever the number of devices.

Turns come in groups on the ticks of the clock: readings that start together wake the machine once. Of a thousand
devices in 10 s, groups of fifty cost the library a fifth less CPU than groups of ten, and flat out another third less.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Awaitable, Callable
from itertools import count

import structlog

from rigfarm.sentry.asic.unit import Unit

__all__ = ["NEVER", "TICK_S", "Rhythm"]

_log = structlog.get_logger(__name__)

NEVER = float("inf")
TICK_S = 0.5
_APART_S = 0.05
"""Between the first turns of two units, on average, while there are few."""


class Rhythm:
    """`turn` is awaited for a unit whose turn it is, and says after how many s it is again (NEVER: when nudged)."""

    def __init__(self, turn: Callable[[Unit], Awaitable[float]], cycle_s: float, tick_s: float = TICK_S) -> None:
        self._turn = turn
        self._cycle_s = cycle_s
        self._tick_s = min(tick_s, cycle_s / 4)
        self._due: dict[Unit, float] = {}
        self._queue: list[tuple[float, int, Unit]] = []
        self._order = count()
        self._running: dict[Unit, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Give turns until cancelled; then end those under way."""
        try:
            while True:
                self._give_turns(time.monotonic())
                await asyncio.sleep(self._tick_s)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._due.clear()
            self._queue.clear()

    def add(self, unit: Unit) -> None:
        """Begin with one more, somewhere in the first cycle: a thousand are not asked at the same moment, and a
        few need not wait."""
        if unit not in self._due:
            unit.nudge = lambda: self.nudge(unit)
            within = min(self._cycle_s, _APART_S * (len(self._due) + 1))
            self._plan(unit, time.monotonic() + random.uniform(0, within))  # noqa: S311 - spreads the load

    async def drop(self, unit: Unit) -> None:
        """No more turns for this one; waits for the end of one under way."""
        self._due.pop(unit, None)
        task = self._running.pop(unit, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def nudge(self, unit: Unit) -> None:
        """It is its turn now, or again as soon as the one under way ends."""
        if unit in self._due:
            self._plan(unit, time.monotonic())

    def _plan(self, unit: Unit, due: float) -> None:
        self._due[unit] = due
        if due != NEVER:
            heapq.heappush(self._queue, (due, next(self._order), unit))

    def _give_turns(self, now: float) -> None:
        while self._queue and self._queue[0][0] <= now:
            due, _, unit = heapq.heappop(self._queue)
            # An entry that was planned over, or whose unit is at it still, is no turn.
            if self._due.get(unit) == due and unit not in self._running:
                self._running[unit] = asyncio.create_task(self._one(unit, due))

    async def _one(self, unit: Unit, due: float) -> None:
        rest = self._cycle_s  # also of a turn that failed: its device is asked again
        try:
            rest = await self._turn(unit)
        except Exception:  # noqa: BLE001 - logged with its traceback
            _log.exception("asic.turn_failed", ip=unit.ip)
        finally:
            self._running.pop(unit, None)
            if unit in self._due:
                now = time.monotonic()
                nudged = self._due[unit] != due
                self._plan(unit, now if nudged else max(due + rest, now))
