"""A mining program's output as lines fit for a log and a page: nothing in them acts on the reader.

One line in is one line out. Escape sequences, control and text-direction characters are removed; what a carriage return
overwrites is gone, as on a terminal.
"""

from __future__ import annotations

import re

__all__ = ["MAX_LINE_CHARS", "Lines", "plain"]

MAX_LINE_CHARS = 1_000
_MAX_PENDING_BYTES = 16 << 10
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, …: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def plain(line: str) -> str:
    """One line without anything that is not text."""
    visible = _ESCAPE.sub("", line).rstrip("\r")
    visible = visible.rpartition("\r")[2]
    text = _INVISIBLE.sub("", visible).replace("\t", "    ").rstrip()
    return text if len(text) <= MAX_LINE_CHARS else text[: MAX_LINE_CHARS - 1] + "…"


class Lines:
    """Puts lines together from the pieces in which they arrive. A line without end costs no memory."""

    def __init__(self) -> None:
        self._pending = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *complete, rest = (self._pending + data).split(b"\n")
        if complete and self._skipping:
            complete = complete[1:]
            self._skipping = False
        lines = [_line(line) for line in complete]
        if self._skipping:
            rest = b""
        elif len(rest) > _MAX_PENDING_BYTES:
            lines.append(_line(rest))
            rest, self._skipping = b"", True
        self._pending = rest
        return lines

    def flush(self) -> list[str]:
        """What has no end yet: the program ended, or something is missing from here on."""
        rest, self._pending, self._skipping = self._pending, b"", False
        return [_line(rest)] if rest else []


def _line(raw: bytes) -> str:
    return plain(raw[: 4 * _MAX_PENDING_BYTES].decode("utf-8", "replace"))
