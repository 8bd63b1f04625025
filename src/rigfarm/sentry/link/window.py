"""How much of a backlog may be on its way at once, learnt from how long acknowledgements take."""

from __future__ import annotations

import math

__all__ = ["Window"]

SMALLEST = 64 << 10
LARGEST = 1 << 20
QUICK_S = 0.3
SLOW_S = 0.6
"""Beyond the shortest time an acknowledgement ever took: about as long a new log waits behind what is on its way."""


class Window:
    """Bytes that may be unacknowledged. It grows while nothing queues before the Commander and halves when something
    does, so that a backlog never stands between a new log and the Commander for long."""

    def __init__(self) -> None:
        self.limit = SMALLEST
        self.used = 0
        self._shortest = math.inf

    @property
    def open(self) -> bool:
        """Whether one more frame may leave."""
        return self.used < self.limit

    def sent(self, size: int) -> None:
        """A frame left."""
        self.used += size

    def done(self, size: int, seconds: float) -> None:
        """A frame was acknowledged after so long."""
        self.used -= size
        self._shortest = min(self._shortest, seconds)
        queued = seconds - self._shortest
        if queued < QUICK_S:
            self.limit = min(LARGEST, self.limit + size)
        elif queued > SLOW_S:
            self.limit = max(SMALLEST, self.limit // 2)

    def gave_up(self, size: int) -> None:
        """A frame was not acknowledged in time."""
        self.used -= size
        self.limit = SMALLEST
