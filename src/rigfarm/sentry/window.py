"""How much of a backlog may be on its way at once, learnt from how long acknowledgements take."""

from __future__ import annotations

__all__ = ["Window"]

SMALLEST = 64 << 10
LARGEST = 1 << 20
QUICK_S = 0.8
SLOW_S = 1.5


class Window:
    """Bytes that may be unacknowledged. It grows while the Commander is quick and halves when it is not, so that a
    backlog never stands between a new log and the Commander for long."""

    def __init__(self) -> None:
        self.limit = SMALLEST
        self.used = 0

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
        if seconds < QUICK_S:
            self.limit = min(LARGEST, self.limit + size)
        elif seconds > SLOW_S:
            self.limit = max(SMALLEST, self.limit // 2)

    def gave_up(self, size: int) -> None:
        """A frame was not acknowledged in time."""
        self.used -= size
        self.limit = SMALLEST
