"""The Sentry's own log: a line an event on stderr, for people and for the journal. Never one per operational log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from rigfarm.common.log_output import configure_log
from rigfarm.common.pace import Pace

__all__ = ["LINES", "LINES_PER_S", "configure"]

LINES = 30.0
LINES_PER_S = 0.1
"""Of one event, at any level but debug: so many at once, and so many a second for long. What happens more often (a
Commander that says the same nonsense again and again) is counted, and the next line says how often it was left out."""
_EVENTS = 1_000


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set it up. `stream` is stderr unless told otherwise."""
    configure_log(level, "text", stream, first=[_Bounded()])


class _Bounded:
    """Leaves out what is said too often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._events: dict[str, Pace] = {}
        self._left_out: Counter[str] = Counter()

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """See structlog's processors."""
        if method == "debug":
            return event
        name = str(event.get("event", ""))
        if name not in self._events and len(self._events) >= _EVENTS:
            self._events.clear()
            self._left_out.clear()
        pace = self._events.setdefault(name, Pace(LINES, LINES_PER_S, self._clock))
        if not pace.take(1):
            self._left_out[name] += 1
            raise structlog.DropEvent
        if left_out := self._left_out.pop(name, 0):
            event["left_out"] = left_out
        return event
