"""A program's own log: one line per event on stderr. Never one per operational log, never a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from rigfarm.common.log_stream import log_stream
from rigfarm.common.text import escaped

__all__ = ["configure_log"]

_SECRET = re.compile(r"\b(r[a-z]{1,3}_)[A-Za-z0-9_-]{20,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_log(
    level: str, form: Literal["text", "json"] = "text", stream: TextIO | None = None, *, first: Sequence[Processor] = ()
) -> None:
    """Set up structlog, and the standard library's logging for the libraries: theirs from warnings on. `stream` is
    stderr unless told otherwise; `first` sees each event before it is written."""
    out = log_stream(stream or sys.stderr)
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
        structlog.processors.format_exc_info,
        _plain,
    ]
    render: Processor = structlog.processors.JSONRenderer() if form == "json" else _text
    structlog.configure(
        processors=[*first, *common, render],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=common, processors=[_of_library, render])
    )
    # Never less than warnings: at "debug" libraries write down what they handle, session cookies and tokens included.
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)


def _of_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event.pop("_record")
    del event["_from_structlog"]
    event["library"] = record.name
    return event


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Nothing in a value can begin another line, move a terminal's cursor, or be a token."""
    return {key: _clean(value, keep_lines=key == "exception") for key, value in event.items()}


def _clean(value: object, *, keep_lines: bool) -> object:
    if value is None or isinstance(value, (int, float, logging.LogRecord)):
        return value
    text = _SECRET.sub(r"\1…", value if isinstance(value, str) else repr(value))
    if keep_lines:
        return "\n".join(escaped(line) for line in text.splitlines())
    return escaped(text)


def _text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Time, level, event, then key=value; a traceback is indented, so that no line of it looks like an event."""
    exception = event.pop("exception", None)
    head = f"{event.pop('timestamp', '')} {event.pop('level', ''):<7} {event.pop('event', '')}"
    pairs = "".join(f" {key}={_quoted(value)}" for key, value in event.items())
    trace = "" if exception is None else "".join(f"\n    {line}" for line in str(exception).splitlines())
    return f"{head}{pairs}{trace}"


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text or not text else text
