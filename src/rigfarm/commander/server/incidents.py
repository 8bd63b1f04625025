"""Who was limited, and what was done: every limit that bites leaves one line here, so that an operator can see it.

A limit that acts in silence looks like a fault of Rigfarm. Entries of one source and kind are merged, the register is
bounded, and the log gets one line a minute for each of them, however often the limit is reached.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

import structlog
from msgspec import Struct

from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["MAX_INCIDENTS", "Incident", "Incidents"]

log = structlog.get_logger()

MAX_INCIDENTS = 500
"""The one that was quiet for the longest time makes room for a new one."""
LOG_EVERY_S = 60.0
MAX_LOG_LINES = 60
"""In LOG_EVERY_S, of all sources together: an attacker with many addresses cannot fill the log."""
MAX_TEXT = 200
SHOW_EVERY_S = 1.0
ACTING_MS = 600_000


class Incident(Struct):
    """What one source did, how often, and what was done about it."""

    source: str
    """An address, or the name of a rig, key or session."""
    kind: str
    """What it did, for people: `opened more than 64 connections`."""
    action: str
    """What was done: `further ones are refused`."""
    count: int
    first_ms: int
    last_ms: int
    rig: int | None = None
    """The rig's id where the source is a rig, so that pages can link to it."""


class Incidents:
    """The register of one Commander, in memory. Used from the event loop only."""

    def __init__(
        self,
        on_changed: Callable[[], None] | None = None,
        *,
        now_ms: Callable[[], int] = utc_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_changed` is called soon after something was noted, once a second at most: pages follow it."""
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._entries: dict[tuple[str, str], Incident] = {}
        self._logged: dict[tuple[str, str], float] = {}
        self._lines, self._lines_since = 0, monotonic()
        self._changed: asyncio.TimerHandle | None = None
        self.on_changed = on_changed

    def note(self, source: str, kind: str, action: str, *, rig: int | None = None, count: int = 1) -> None:
        """A limit acted on `source`. Cheap enough to call for every refused frame."""
        source, kind = source[:MAX_TEXT], kind[:MAX_TEXT]
        key = (source, kind)
        now_ms = self._now_ms()
        entry = self._entries.pop(key, None)
        if entry is None:
            entry = Incident(_plain(source), _plain(kind), _plain(action[:MAX_TEXT]), 0, now_ms, now_ms, rig)
            while len(self._entries) >= MAX_INCIDENTS:
                oldest = next(iter(self._entries))
                del self._entries[oldest]
                self._logged.pop(oldest, None)
        entry.count += count
        entry.last_ms = now_ms
        self._entries[key] = entry
        now = self._monotonic()
        if now - self._logged.get(key, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged[key] = now
            self._log(entry, now)
        if self._changed is None and self.on_changed is not None:
            self._changed = asyncio.get_running_loop().call_later(SHOW_EVERY_S, self._show)

    def acting(self) -> list[Incident]:
        """What acted within the last ten minutes, the most recent first."""
        since = self._now_ms() - ACTING_MS
        return list(itertools.takewhile(lambda entry: entry.last_ms >= since, reversed(self._entries.values())))

    def _log(self, entry: Incident, now: float) -> None:
        if now - self._lines_since >= LOG_EVERY_S:
            if self._lines > MAX_LOG_LINES:
                log.warning("more limits were reached than are in the log", times=self._lines - MAX_LOG_LINES)
            self._lines, self._lines_since = 0, now
        self._lines += 1
        if self._lines <= MAX_LOG_LINES:
            log.warning("a limit acted", source=entry.source, kind=entry.kind, action=entry.action, times=entry.count)

    def _show(self) -> None:
        self._changed = None
        if self.on_changed is not None:
            self.on_changed()

    def all(self) -> list[Incident]:
        """Every entry, the most recent first."""
        return list(reversed(self._entries.values()))


def _plain(text: str) -> str:
    """What peers say of themselves, without control characters and marks that turn text around."""
    return printable(text, "\N{REPLACEMENT CHARACTER}")
