"""Look something up now and then: what rarely changes is not searched for at every reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Periodic"]

_T = TypeVar("_T")


class Periodic(Generic[_T]):
    """Keeps the result of `look` for `every_s` seconds, monotonic."""

    def __init__(self, look: Callable[[], _T], every_s: float = 60.0) -> None:
        self._look = look
        self._every_s = every_s
        self._kept: tuple[float, _T] | None = None

    def get(self) -> _T:
        """What was found at the last look, or at a new one when that is too long ago."""
        now = time.monotonic()
        if self._kept is None or now - self._kept[0] >= self._every_s:
            self._kept = (now, self._look())
        return self._kept[1]

    def forget(self) -> None:
        """Look again at the next call: what was found has proven stale."""
        self._kept = None
