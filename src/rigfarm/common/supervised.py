"""Run something forever: if it ends or raises, it is restarted after a while, without affecting its neighbours."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import structlog

__all__ = ["Supervised"]

log = structlog.get_logger()

FIRST_S = 1.0
LONGEST_S = 60.0
HEALTHY_S = 60.0
"""Who ran so long before failing starts again after FIRST_S."""
_LONGEST_PROBLEM = 500


class Supervised:
    """One supervised thing. `problem` is why it is not running, in words, while it is not."""

    def __init__(self, name: str, start: Callable[[], Awaitable[None]], *, first_s: float = FIRST_S) -> None:
        self.name = name
        self.problem: str | None = None
        self._start = start
        self._first_s = first_s

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        delay = self._first_s
        while True:
            began = loop.time()
            try:
                self.problem, was = None, self.problem
                await self._start()
                problem = "ended by itself"
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                problem = "something inside it was cancelled"  # its own end was not asked for
            except Exception as error:  # noqa: BLE001 - whatever it raises must not end the others
                problem = f"{type(error).__name__}: {error}"[:_LONGEST_PROBLEM]
                if problem != was:
                    log.error("a part failed", part=self.name, exception=traceback.format_exc())
            if loop.time() - began >= HEALTHY_S:
                delay = self._first_s
            if problem != was:
                log.warning("it is started again", part=self.name, reason=problem, wait_s=round(delay, 1))
            self.problem = problem
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_S)
