"""The Sentry's own log: a line an event on stderr, for people and for the journal. Never one per operational log."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from rigfarm.log_stream import log_stream

__all__ = ["configure"]

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
