"""Files that are on their way into the Commander right now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

__all__ = ["AT_ONCE", "Fetch", "Fetches"]

AT_ONCE = 2


class Fetch(Struct):
    """One file on its way, or why it did not arrive."""

    how: str
    """`fetching` or `uploading`."""
    received: int = 0
    total: int | None = None
    error: str | None = None

    @property
    def running(self) -> bool:
        """Whether it still is on its way."""
        return self.error is None

    @property
    def fraction(self) -> float | None:
        """How much of it has come, 0..1; None when its size is not known."""
        return min(self.received / self.total, 1.0) if self.total else None


class Fetches:
    """By id of the software. An error stays until the next attempt, so that later viewers see it."""

    def __init__(self) -> None:
        self._all: dict[int, Fetch] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def get(self, software_id: int) -> Fetch | None:
        """What is known of the file's way."""
        return self._all.get(software_id)

    def running(self, software_id: int) -> bool:
        """Whether a file is on its way for it."""
        fetch = self._all.get(software_id)
        return fetch is not None and fetch.running

    def begin(self, software_id: int, how: str) -> Fetch:
        """A file sets out."""
        fetch = self._all[software_id] = Fetch(how)
        return fetch

    def forget(self, software_id: int) -> None:
        """It arrived, or its result is not wanted any more."""
        self._all.pop(software_id, None)

    def start(self, software_id: int, work: Callable[[], Awaitable[None]]) -> None:
        """Run it beside everything else, at most AT_ONCE at a time."""
        task = asyncio.create_task(self._run(work))
        self._tasks[software_id] = task
        task.add_done_callback(lambda done: self._tasks.pop(software_id, None) if done is task else None)

    async def cancel(self, software_id: int) -> bool:
        """Stop it and wait until it has cleaned up; False when none runs."""
        task = self._tasks.get(software_id)
        if task is None:
            return False
        task.cancel()
        await asyncio.wait([task])
        return True

    async def close(self) -> None:
        """Stop all of them."""
        for software_id in list(self._tasks):
            await self.cancel(software_id)

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._slots:
            await work()
