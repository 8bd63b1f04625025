"""At most one conversation at a time with the device at an address: readings, commands, checks and scans take turns."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from weakref import WeakValueDictionary

__all__ = ["Conversations"]


class Conversations:
    """Small control boards serve one caller well and ten badly."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def with_device(self, ip: str) -> AbstractAsyncContextManager[None]:
        """`async with` it: waits for its turn, and holds the conversation with `ip` until the block ends."""
        turn = self._turns.get(ip)
        if turn is None:
            turn = self._turns[ip] = asyncio.Lock()
        return turn
