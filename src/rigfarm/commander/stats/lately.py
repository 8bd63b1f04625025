"""The totals of the last minutes: what charts show until history has written it."""

from __future__ import annotations

from collections import deque
from heapq import nlargest

from msgspec import Struct

from rigfarm.commander.stats.totals import Totals

__all__ = ["Lately", "Sample"]

KEPT = 120
"""Samples; one every ten seconds, and history is at most ten minutes late, twice that on a busy machine."""
MAX_COINS = 20


class Sample(Struct, frozen=True):
    """The totals of one moment."""

    t_ms: int
    rates: dict[str, float]
    """H/s by coin."""
    power_w: float
    states: dict[str, int]


class Lately:
    """Of one kind of rig."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=KEPT)

    def sample(self, totals: Totals, now_ms: int) -> None:
        """Note the totals of this moment; called at a steady pace."""
        largest = nlargest(MAX_COINS, totals.coins.items(), key=lambda one: one[1].millihashes)
        rates = {coin: sums.hashrate for coin, sums in largest}
        self.samples.append(Sample(now_ms, rates, totals.milliwatts / 1000, dict(totals.states)))
