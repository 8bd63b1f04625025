"""Whose turn it is to send. A commit acknowledges the logs of thousands of links at the same moment: were all of them
to send in the same turn of the event loop, everything else would wait for a tenth of a second, four times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rigfarm.commander.link.link import Link

__all__ = ["AT_ONCE", "Turns"]

AT_ONCE = 100
"""Links that begin to send in one turn of the loop: some 4 ms."""


class Turns:
    """Links in the order in which they asked."""

    def __init__(self, begin: Callable[[Link], object]) -> None:
        self._begin = begin
        self._asked: deque[Link] = deque()

    def ask(self, link: Link) -> None:
        """The link wants to send."""
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._next)
        self._asked.append(link)

    def _next(self) -> None:
        for _ in range(min(AT_ONCE, len(self._asked))):
            self._begin(self._asked.popleft())
        if self._asked:
            asyncio.get_running_loop().call_soon(self._next)
