"""What a playbook's program printed: the last lines in memory for viewers, all of them (bounded) on disk."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from rigfarm.common.pace import Pace
from rigfarm.sentry.playbooks.logfile import LogFile
from rigfarm.sentry.playbooks.plain_text import Lines, plain
from rigfarm.units import size

__all__ = ["KEPT_LINES", "Console"]

KEPT_LINES = 500
FLUSH_S = 0.25
SHOWS = 5
SHOW_EVERY_S = 1.0
"""All of the last lines are shown so many times at once, and then not more often, however often a page asks."""
_LINES_AT_ONCE = 100
_UNWRITTEN_LINES = 5_000

_log = structlog.get_logger(__name__)

Viewer = Callable[[int, list[str]], None]
"""Called with the number of the first line and lines; never with more than _LINES_AT_ONCE."""


class Console:
    """Lines are numbered from 0 on since the Sentry started, through every restart of the program."""

    def __init__(self, log: LogFile, viewer: Viewer) -> None:
        self._log = log
        self._viewer = viewer
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._count = 0
        self._began = 0
        self._shown = 0
        self._watched = False
        self._shows = Pace(SHOWS, 1 / SHOW_EVERY_S)
        self._again: asyncio.TimerHandle | None = None
        self._pieces = Lines()
        self._unwritten: deque[str] = deque(maxlen=_UNWRITTEN_LINES)
        self._flushing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._disk_trouble = False

    def feed(self, data: bytes) -> None:
        """Bytes the program printed."""
        self._add(self._pieces.feed(data))

    def dropped(self, count: int) -> None:
        """So many bytes are missing here: the program printed faster than it is read."""
        self._add([*self._pieces.flush(), f"… {size(count)} left out: the program prints too fast"])

    def say(self, line: str) -> None:
        """A line of the Sentry's own, between the program's."""
        self._add([*self._pieces.flush(), plain(f"── {line}")])

    def begin(self) -> None:
        """The program starts, or starts again: what it says from now on are the words of this run."""
        self._add(self._pieces.flush())
        self._began = self._count

    def watch(self, on: bool) -> None:
        """A page shows it (from the last lines on), or none does any more."""
        self._watched = on
        self._shown = max(0, self._count - len(self._lines))
        if self._shows.take(1):
            self._show()
        elif self._again is None:
            self._again = asyncio.get_running_loop().call_later(SHOW_EVERY_S, self._show_again)

    def _show_again(self) -> None:
        """A viewer that asked again meanwhile gets the last lines now."""
        self._again = None
        self._show()

    def tail(self, count: int) -> list[str]:
        """The last lines of this run that are not blank, oldest first; those of the Sentry left out."""
        ours = max(len(self._lines) - (self._count - self._began), 0)
        said = [line for line in list(self._lines)[ours:] if line and not line.startswith("── ")]
        return said[-count:]

    async def close(self) -> None:
        """Write and show what is left, at once."""
        self._add(self._pieces.flush())
        self._closing.set()
        if self._again is not None:
            self._again.cancel()
        if self._flushing is not None:
            await self._flushing

    def _add(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._lines.append(line)
            self._unwritten.append(line)
            self._count += 1
        if self._unwritten and self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        try:
            while self._unwritten:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_S):
                        await self._closing.wait()
                await self._flush()
        except Exception:  # noqa: BLE001 - logged with its traceback
            _log.exception("a program's output could not be shown", path=str(self._log.path))
        finally:
            self._flushing = None

    async def _flush(self) -> None:
        self._show()
        lines = list(self._unwritten)
        self._unwritten.clear()
        try:
            await asyncio.to_thread(self._log.append, lines)
        except OSError as error:  # the lines stay on the console; the program is worth more than its log
            if not self._disk_trouble:
                _log.warning("a program's output cannot be kept on disk", path=str(self._log.path), error=str(error))
            self._disk_trouble = True
        else:
            self._disk_trouble = False

    def _show(self) -> None:
        """To the viewer, what is new since the last time and still there."""
        if not self._watched:
            return
        first = max(self._shown, self._count - len(self._lines))
        new = list(self._lines)[len(self._lines) - (self._count - first) :]
        self._shown = self._count
        for start in range(0, len(new), _LINES_AT_ONCE):
            self._viewer(first + start, new[start : start + _LINES_AT_ONCE])
