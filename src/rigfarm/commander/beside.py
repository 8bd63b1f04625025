"""Work that runs beside everything else: what fails is started again, and its neighbours do not notice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

__all__ = ["beside"]

log = structlog.get_logger()

FIRST_S = 1.0
LONGEST_S = 60.0
HEALTHY_S = 60.0
"""What ran so long before it failed starts again after FIRST_S."""


@asynccontextmanager
async def beside(start: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run something while the block runs. It may end by itself; if it raises, that is logged and it starts again: a
    Commander whose clockwork stands still would show old numbers as if they were fresh."""
    name = getattr(start, "__qualname__", "work")
    task = asyncio.create_task(_keep_going(name, start), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_going(name: str, start: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    wait_s = FIRST_S
    while True:
        began = loop.time()
        try:
            await start()
            return
        except Exception as error:
            wait_s = FIRST_S if loop.time() - began >= HEALTHY_S else wait_s
            log.error("a part of the Commander failed and starts again", part=name, wait_s=wait_s, exc_info=error)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_S)
