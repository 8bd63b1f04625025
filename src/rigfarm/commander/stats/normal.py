"""What a rig normally does: the median of its hourly mean hashrates over the last 24 hours, per coin."""

from __future__ import annotations

from collections import deque
from statistics import median

from msgspec import Struct, field

__all__ = ["Normal"]

HOUR_S = 3600.0
HOURS = 24
MIN_SAMPLES = 60
"""An hour with fewer logs says too little."""


class Normal(Struct):
    """Hourly means of one coin's hashrate, H/s. Times are seconds of any steady clock."""

    hours: list[float] = field(default_factory=list)
    started: float = 0.0
    total: float = 0.0
    samples: int = 0
    value: float | None = None
    """The normal, H/s; absent until a first full hour was seen."""

    def see(self, hashrate: float, now_s: float) -> None:
        """One more sample. A rig that stands still says nothing about what is normal for it."""
        if hashrate <= 0.0:
            return
        if not self.samples:
            self.started = now_s
        self.total += hashrate
        self.samples += 1
        if now_s - self.started >= HOUR_S:
            if self.samples >= MIN_SAMPLES:
                self.hours = list(deque([*self.hours, self.total / self.samples], maxlen=HOURS))
                self.value = median(self.hours)
            self.total, self.samples = 0.0, 0
