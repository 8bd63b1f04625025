"""What the Sentry does with its ASICs, for the operator who watches: the last thousand lines, and a wait for more."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal

from msgspec import Struct

from rigfarm.common.clock import utc_ms
from rigfarm.sentry.asic import clean

__all__ = ["Happening", "Happenings"]

Level = Literal["info", "good", "warning"]
_KEPT = 1_000


class Happening(Struct, frozen=True):
    number: int
    at_ms: int
    """UTC ms."""
    level: Level
    ip: str
    text: str


class Happenings:
    """Only changes are told, never every reading."""

    def __init__(self) -> None:
        self._lines: deque[Happening] = deque(maxlen=_KEPT)
        self._number = 0
        self._news = asyncio.Event()

    def tell(self, level: Level, ip: str, text: str) -> None:
        """One line more."""
        self._number += 1
        line = clean.text(text, 300) or ""
        self._lines.append(Happening(self._number, utc_ms(), level, ip, line))
        self._news.set()
        self._news = asyncio.Event()

    def since(self, number: int = 0) -> list[Happening]:
        """The lines after `number`, oldest first."""
        return [line for line in self._lines if line.number > number]

    async def wait(self, number: int, timeout_s: float = 25.0) -> list[Happening]:
        """The lines after `number`; waits a while for the first."""
        news = self._news
        if not self.since(number):
            try:
                async with asyncio.timeout(timeout_s):
                    await news.wait()
            except TimeoutError:
                return []
        return self.since(number)
