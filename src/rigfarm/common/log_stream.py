"""Where a program's own log goes: a log that cannot be written must not end what is being logged."""

from __future__ import annotations

import contextlib
import io
from typing import TextIO, cast

__all__ = ["log_stream"]


def log_stream(stream: TextIO) -> TextIO:
    """The stream, for a log. Its own errors are not raised: the code that logs can do nothing about them."""
    return cast(TextIO, _LogStream(stream))


class _LogStream(io.TextIOBase):
    """Writes through to a stream. Lines that it does not take, because its disk is full or its reader is gone, are
    lost: there is no place left in which to say so."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str, /) -> int:
        """Write, if that can be done now."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what is buffered, if that can be done now."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        """As the stream."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()
