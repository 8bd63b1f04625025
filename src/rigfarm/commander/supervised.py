"""Background parts of the Commander: each restarts when it fails or hangs, and its trouble is reported.

A part gives a sign of life (`beat`) with every round of its work and says when it has nothing to do (`idle`). One that
gives none within its deadline hangs: it is cancelled and restarted like one that failed. `Parts` knows them all, and
/readyz, /api/health and the banner on pages ask it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import structlog

from rigfarm.common.clock import utc_ms

__all__ = ["DATABASE_S", "DEADLINE_S", "Part", "PartState", "Parts", "Work", "keep_going", "supervised"]

log = structlog.get_logger()

DEADLINE_S = 5.0
"""Without a sign of life for so long, a part hangs; unless its work takes longer by its nature."""
DATABASE_S = 20.0
"""The deadline of a part whose rounds wait for the database."""
CHECK_EVERY_S = 0.5
FIRST_S = 1.0
LONGEST_S = 60.0
HEALTHY_S = 60.0
"""A part that ran so long before it failed restarts after FIRST_S; else each wait is twice as long as the last."""
RECOVERED_S = 3.0
"""A part that was restarted counts as running when it has run so long."""
END_S = 2.0
"""What does not end within this when it is cancelled is left behind."""
MAX_ERROR = 300

PartState = Literal["running", "restarting", "hanging", "failing", "done"]


class Work(NamedTuple):
    """A part's name for people, what it runs, and its deadline."""

    name: str
    run: Callable[[Part], Awaitable[None]]
    deadline_s: float = DEADLINE_S


class Part:
    """One background part. Used from the event loop only."""

    def __init__(
        self,
        name: str = "part",
        *,
        deadline_s: float = DEADLINE_S,
        restarts: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is read by people; without `restarts` a hanging part is reported and left alone."""
        self.name = name
        self.deadline_s = deadline_s
        self.restarts = restarts
        self.state: PartState = "running"
        self.since_ms = utc_ms()
        """Since when it has been in this state."""
        self.failures = 0
        """How often it failed or hung since the start."""
        self.error: str | None = None
        """Why, the last time."""
        self.trouble: str | None = None
        """What keeps it from its work at the moment, set by the part itself; it goes on trying."""
        self.work: asyncio.Task[None] | None = None
        self._monotonic = monotonic
        self._due: float | None = None
        self._down_until: float | None = None
        """After a failure: when it will have recovered."""
        self._done = False

    # What the part says

    def beat(self) -> None:
        """It works: the next sign of life is due within the deadline."""
        self._due = self._monotonic() + self.deadline_s

    def expect(self) -> None:
        """It was given work, which is due within the deadline; unless earlier work is due already."""
        if self._due is None:
            self.beat()

    def idle(self) -> None:
        """It has nothing to do."""
        self._due = None

    # What becomes of it

    @property
    def troubled(self) -> bool:
        """Whether it does not do its work."""
        return self.state in ("restarting", "hanging", "failing")

    def failed(self, why: str) -> None:
        """It ended, or has to be ended, and is restarted."""
        self.failures += 1
        self.error = why[:MAX_ERROR]
        self._due = None
        self._down_until = float("inf")

    def started(self) -> None:
        """It runs, perhaps again."""
        if self._down_until is not None:
            self._down_until = self._monotonic() + RECOVERED_S
        self.beat()

    def finished(self) -> None:
        """It ended by itself: all its work is done."""
        self._done = True
        self._due = self._down_until = None

    def delayed(self, seconds: float) -> None:
        """The whole process stood still for so long (suspended, or its loop was blocked): that does not count."""
        if self._due is not None:
            self._due += seconds

    def check(self) -> bool:
        """Judge its state; True when that is another one than before."""
        now = self._monotonic()
        if self._down_until is not None and now >= self._down_until:
            self._down_until = None
        if self._due is not None and now > self._due:
            state: PartState = "hanging"
        elif self._down_until is not None:
            state = "restarting"
        elif self.trouble is not None:
            state = "failing"
        else:
            state = "done" if self._done else "running"
        if state == self.state:
            return False
        if state == "hanging":
            self.error = f"no sign of life for {self.deadline_s:g} s"
            self.failures += 1
        elif state == "failing":
            self.error = self.trouble
        self.state = state
        self.since_ms = utc_ms()
        return True


class Parts:
    """All background parts of this Commander."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.on_changed: list[Callable[[Part], None]] = []
        """Called when a part's state changes."""
        self._monotonic = monotonic
        self._parts: list[Part] = []
        self._checked = monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    @property
    def troubled(self) -> list[Part]:
        """Parts that do not do their work."""
        return [part for part in self._parts if part.troubled]

    def add(self, name: str, *, deadline_s: float = DEADLINE_S, restarts: bool = True) -> Part:
        """A part that is looked after from now on."""
        part = Part(name, deadline_s=deadline_s, restarts=restarts, monotonic=self._monotonic)
        self._parts.append(part)
        return part

    @asynccontextmanager
    async def running(self, work: Work) -> AsyncIterator[Part]:
        """Run a part while the block runs. It may end by itself; if it raises or hangs, it is restarted."""
        part = self.add(work.name, deadline_s=work.deadline_s)
        async with supervised(part, work.run):
            yield part

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look after all parts while the block runs: by a timer, which nothing can keep waiting."""
        self._checked = self._monotonic()
        self._timer = asyncio.get_running_loop().call_later(CHECK_EVERY_S, self._tick)
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(CHECK_EVERY_S, self._tick)
        self.check()

    def check(self) -> None:
        """Judge every part, report what changed, end what hangs."""
        now = self._monotonic()
        late = now - self._checked - CHECK_EVERY_S
        self._checked = now
        for part in list(self._parts):
            if late > CHECK_EVERY_S:
                part.delayed(late)
            if not part.check():
                continue
            self._report(part)
            if part.state == "hanging" and part.restarts and part.work is not None:
                part.work.cancel()

    def _report(self, part: Part) -> None:
        if part.state == "hanging":
            log.error("a part of the Commander hangs", part=part.name, deadline_s=part.deadline_s)
        elif part.state == "running":
            log.info("a part of the Commander works again", part=part.name)
        for changed in self.on_changed:
            try:
                changed(part)
            except Exception as error:
                log.error("a part's state could not be announced", part=part.name, exc_info=error)


@asynccontextmanager
async def supervised(part: Part, work: Callable[[Part], Awaitable[None]]) -> AsyncIterator[None]:
    """`keep_going` while the block runs."""
    task = asyncio.create_task(keep_going(part, work), name=part.name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def keep_going(part: Part, work: Callable[[Part], Awaitable[None]]) -> None:
    """Run a part's work until it ends by itself, restarting it whenever it raises or was cancelled because it hangs."""
    loop = asyncio.get_running_loop()
    wait_s = FIRST_S
    while True:
        began = loop.time()
        part.started()
        part.work = asyncio.create_task(_run(part, work), name=part.name)
        try:
            await asyncio.wait({part.work})
        except asyncio.CancelledError:
            part.work.cancel()
            await asyncio.wait({part.work}, timeout=END_S)
            raise
        error = None if part.work.cancelled() else part.work.exception()
        if error is None and not part.work.cancelled():
            part.finished()
            return
        wait_s = FIRST_S if loop.time() - began >= HEALTHY_S else wait_s
        why = f"{type(error).__name__}: {error}" if error is not None else "it hung"
        part.failed(why)
        log.error("a part of the Commander failed and restarts", part=part.name, wait_s=wait_s, why=why, exc_info=error)
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_S)


async def _run(part: Part, work: Callable[[Part], Awaitable[None]]) -> None:
    await work(part)
