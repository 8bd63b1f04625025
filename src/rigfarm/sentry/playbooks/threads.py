"""Blocking work in a thread, that stops when its task is cancelled, before the cancellation is passed on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["abortable"]

_T = TypeVar("_T")


async def abortable(work: Callable[[Callable[[], bool]], _T]) -> _T:
    """Run `work(aborted)` in a thread. Cancelled, `aborted()` becomes true and the work's end is waited for: nothing
    of it happens after this returns."""
    stop = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(work, stop.is_set))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen; the cancellation is what counts
        raise
