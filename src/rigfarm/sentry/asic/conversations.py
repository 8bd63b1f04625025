"""At most one conversation at a time with whoever is at an address: readings, orders, checks and scans take turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

__all__ = ["Conversations"]


class Conversations:
    """Small control boards serve one caller well and ten badly."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def with_device(self, ip: str) -> AsyncIterator[None]:
        """Hold the conversation with `ip`; waits for its turn."""
        turn = self._turns.get(ip)
        if turn is None:
            turn = self._turns[ip] = asyncio.Lock()
        async with turn:
            yield
