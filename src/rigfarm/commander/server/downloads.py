"""Files that are fetched by many at once: places in all and for each address or rig, a least rate, and an end when the
client is no longer allowed to."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable

from litestar.types import Scope

from rigfarm.commander.server.connections import connection_of

__all__ = ["Downloads"]

FILES_SHARE = 32
"""No more downloads of a sort than this part of the files that the process may open: each has one open."""
GRACE_S = 30.0
LEAST_RATE = 32 << 10
"""Bytes a second on average, after GRACE_S: a slower reader gives its place to another, and goes on
from there when he returns."""


class Downloads:
    """Those of one sort of file."""

    def __init__(self, most: int, most_each: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._most_each = most_each
        self._clock = clock
        self._running: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return self._running.total()

    def full(self, key: Hashable) -> bool:
        """Whether one more for this address or rig would be too many."""
        most = min(self._most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // FILES_SHARE)
        return len(self) >= most or self._running[key] >= self._most_each

    async def send(
        self, key: Hashable, scope: Scope, pieces: AsyncGenerator[bytes], size: int, allowed: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The pieces as they are read. The connection is cut when they are read too slowly, when the reader is no
        longer allowed to have them, or when they end before `size` bytes: once an answer has begun, there is no other
        way to say so."""
        started, sent = self._clock(), 0
        self._running[key] += 1
        try:
            async for piece in pieces:
                elapsed = self._clock() - started
                if not allowed() or (elapsed > GRACE_S and sent < elapsed * LEAST_RATE):
                    break
                yield piece
                sent += len(piece)
        finally:
            await pieces.aclose()
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
            connection = connection_of(scope)
            if sent < size and connection is not None:
                connection.cut()
