"""What a rig normally does: the median of its hourly mean hashrates over the last 24 hours, per coin."""

from __future__ import annotations

from collections import deque
from statistics import median

from msgspec import Struct, field

from rigfarm.common.intermittent import Rounds

__all__ = ["Normal", "see"]

HOUR_S = 3600.0
HOURS = 24
MIN_SAMPLES = 60
"""An hour with fewer logs says too little."""
MAX_NORMALS = 32
"""Coins of one rig of which a normal is kept; the one that was not mined for the longest time makes room."""


class Normal(Struct):
    """Hourly means of one coin's hashrate, H/s. Times are seconds of any steady clock."""

    hours: list[float] = field(default_factory=list)
    started: float = 0.0
    total: float = 0.0
    samples: int = 0
    value: float | None = None
    """The normal, H/s; absent until a first full hour was seen."""
    rounds: Rounds = field(default_factory=Rounds)
    """Whether it is mined all the time."""

    def see(self, hashrate: float, now_s: float) -> bool:
        """One more sample; True when the normal may be another one now. A rig that stands still says nothing about
        what is normal for it."""
        if hashrate <= 0.0:
            return False
        if not self.samples:
            self.started = now_s
        self.total += hashrate
        self.samples += 1
        if now_s - self.started < HOUR_S:
            return False
        enough = self.samples >= MIN_SAMPLES
        if enough:
            self.hours = list(deque([*self.hours, self.total / self.samples], maxlen=HOURS))
            self.value = median(self.hours)
        self.total, self.samples = 0.0, 0
        return enough


def see(
    normals: dict[str, Normal], coin: str, hashrate: float, now_s: float, *, since_s: float = 0.0, others: bool = False
) -> bool:
    """One more sample of a rig's coin, `since_s` after the one before; `others`: it hashes other coins, too. True when
    its normal may be another one now. The order of the dictionary is that in which coins were seen last."""
    normal = normals.pop(coin, None)
    if normal is None:
        normal = Normal()
        if len(normals) >= MAX_NORMALS:
            del normals[next(iter(normals))]
    normals[coin] = normal
    normal.rounds.see(since_s, hashing=hashrate > 0.0, others_hash=others)
    return normal.see(hashrate, now_s)
