"""Which rigs' Sentries come with which spools: a rig's token can have the numbers of a few spools remembered, and what
it has beyond that costs the oldest of its own, never those of another rig."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["SPOOLS_PER_RIG", "SpoolHolders"]

SPOOLS_PER_RIG = 8
"""A Sentry makes one when it is installed, and another when its disk was cloned or restored."""


class SpoolHolders:
    """Known from the Hellos since the start."""

    def __init__(self) -> None:
        self._spools: dict[int, dict[bytes, None]] = {}
        """By rig, the one that greeted longest ago first."""
        self._holders: Counter[bytes] = Counter()

    def held(self, spool: bytes) -> bool:
        """Whether any rig holds it."""
        return spool in self._holders

    def claim(self, spool: bytes, rigs: Iterable[int]) -> list[bytes]:
        """A Sentry with this spool speaks for these rigs; returns the spools that no rig holds any longer."""
        left: list[bytes] = []
        for rig in rigs:
            spools = self._spools.setdefault(rig, {})
            if spool not in spools:
                self._holders[spool] += 1
            spools.pop(spool, None)
            spools[spool] = None
            if len(spools) > SPOOLS_PER_RIG:
                oldest = next(iter(spools))
                del spools[oldest]
                left += self._let_go(oldest)
        return left

    def release(self, rig: int) -> None:
        """The rig was removed."""
        for spool in self._spools.pop(rig, ()):
            self._let_go(spool)

    def _let_go(self, spool: bytes) -> list[bytes]:
        self._holders[spool] -= 1
        if self._holders[spool]:
            return []
        del self._holders[spool]
        return [spool]
