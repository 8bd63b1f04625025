"""When to try again: quickly once, then after a random time that may grow to the cap, so that a farm does not return as
one wave."""

from __future__ import annotations

import random
from collections.abc import Callable

from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.link.errors import LinkError

__all__ = ["Reconnect"]


class Reconnect:
    """Exponential backoff with full jitter; an object of its own, so that the link need not know how it is done."""

    def __init__(self, timings: Timings, *, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._timings = timings
        self._uniform = uniform
        self.failures = 0
        """Since a link last stood for `stable_s`."""

    def stood(self, seconds: float) -> None:
        """A link was up for so long."""
        if seconds >= self._timings.stable_s:
            self.failures = 0

    def delay(self, error: LinkError | None) -> float:
        """How long to wait now, s."""
        window = min(self._timings.retry_cap_s, self._timings.first_retry_s * 2.0**self.failures)
        self.failures = min(self.failures + 1, 30)
        least = error.wait_s if error is not None else 0.0
        return least + self._uniform(0.0, max(window, least))
