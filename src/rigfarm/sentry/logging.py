"""The Sentry's own log: a line an event on stderr, for people and for the journal. Never one per operational log."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from rigfarm.common.log_stream import log_stream
from rigfarm.sentry.pace import Pace

__all__ = ["LINES", "LINES_PER_S", "configure"]

LINES = 30.0
LINES_PER_S = 0.1
"""Of one event, at any level but debug: so many at once, and so many a second for long. What happens more often (a
Commander that says the same nonsense again and again) is counted, and the next line says how often it was left out."""
_EVENTS = 1_000

_TOKEN = re.compile(r"rf[a-z]*_[A-Za-z0-9_-]{20,}")
_LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging. `stream` is stderr unless told otherwise."""
    out = log_stream(stream or sys.stderr)
    structlog.configure(
        processors=[
            _Bounded(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
            structlog.processors.format_exc_info,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)


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


class _Formatter(logging.Formatter):
    """Libraries' lines, in the same form."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "event": f"{record.name}: {record.getMessage()}",
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return _line(None, "", event)


def _line(_logger: WrappedLogger, _method: str, event: EventDict | MutableMapping[str, str]) -> str:
    """Time, level, event, then key=value; nothing in it can begin another line or move a terminal's cursor."""
    values = dict(event)
    exception = values.pop("exception", None)
    head = f"{values.pop('timestamp', '')} {values.pop('level', ''):<7} {_plain(str(values.pop('event', '')))}"
    pairs = "".join(f" {key}={_shown(value)}" for key, value in values.items())
    trace = "" if exception is None else "".join(f"\n    {_plain(line)}" for line in str(exception).splitlines())
    return _TOKEN.sub("rf_…", f"{head}{pairs}{trace}")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = _plain(text)
    return f'"{text}"' if " " in text or not text else text


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
