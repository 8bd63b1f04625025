"""A browser's page session: conflates what it hears and flushes it, at most four times a second, within a byte budget.

The latest message per (channel, key) waits in the session; an older one that was not sent yet is replaced, so a slow
browser gets the newest state late instead of every state later, and costs one entry per row in view at the most.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Protocol

from rigfarm.commander.live.hub import Event, Hub

__all__ = ["Change", "Changes", "LiveSessions", "Page", "PageSession"]

FLUSH_INTERVAL_S = 0.25
AT_ONCE_S = 0.01
"""Messages that belong together (a rename tells two channels) leave in one frame."""
BYTES_PER_S = 256 << 10
MAX_SAID = 10
URGENT_SHARE = 10
"""What is at once waits this many times as long as the last flush took: thousands of rigs that come up at the same
time cannot keep a page, or the Commander, busy with snapshots."""

Change = tuple[Event, object]
Changes = Mapping[tuple[str, Hashable], Change]


class Page(Protocol):
    """What one browser page shows, in the noun's own words."""

    @property
    def pause_s(self) -> float:
        """The least time between two flushes, also when the first had nothing to send: for pages that cost much."""

    def open(self, session: PageSession) -> None:
        """Subscribe to the page's channels."""

    async def snapshot(self) -> list[str]:
        """Frames that bring the page up to date from whatever it showed before."""

    async def render(self, changes: Changes) -> list[str]:
        """Frames for these changes; none when the page does not show them."""

    async def hear(self, message: dict[str, object]) -> None:
        """Something the browser said."""

    def urgent(self, channel: str) -> bool:
        """Whether changes of this channel leave at once rather than at the next flush."""


class PageSession:
    """One WebSocket of one page. `send` is the socket's own, and waits while the browser does not read."""

    def __init__(
        self,
        hub: Hub,
        page: Page,
        send: Callable[[str], Awaitable[None]],
        owner: bytes,
        around: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`around` yields what every page shows around its content, as frames: each in its place."""
        self.hub = hub
        self.page = page
        self.owner = owner
        """Hash of the login session, so that its end closes the socket."""
        self._send = send
        self._pending: dict[tuple[str, Hashable], Change] = {}
        self._subscriptions: dict[str, set[Hashable]] = {}
        self._wake = asyncio.Event()
        """Something waits to be sent."""
        self._urgent = asyncio.Event()
        """Something waits that cannot wait for the next flush."""
        self._snapshot_due = True
        self._around = around
        self._around_due = True
        self._around_sent: Sequence[str] = ()
        self._not_before = 0.0
        self._flush_took = 0.0
        self._said: list[str] = []

    # What the page does

    def follow(self, channel: str, keys: set[Hashable]) -> None:
        """Hear exactly these keys of the channel from now on."""
        before = self._subscriptions.get(channel, set())
        self.hub.unsubscribe(self, channel, before - keys)
        self.hub.subscribe(self, channel, keys - before)
        self._subscriptions[channel] = set(keys)

    def refresh(self) -> None:
        """Send a whole snapshot next, at once."""
        self._snapshot_due = True
        self._urgent.set()
        self._wake.set()

    def around_changed(self) -> None:
        """What stands around the page's content is different now: send it at once."""
        self._around_due = True
        self._urgent.set()
        self._wake.set()

    def say(self, frame: str) -> None:
        """Send this as it is, at once."""
        if len(self._said) < MAX_SAID:
            self._said.append(frame)
        self._urgent.set()
        self._wake.set()

    # What the hub does

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """Keep the latest per key; a key that was created and then updated before the flush stays created."""
        at = (channel, key)
        before = self._pending.get(at)
        if before is None:
            if not self._urgent.is_set() and self.page.urgent(channel):
                self._urgent.set()
            self._wake.set()
        elif before[0] == "created" and event == "updated":
            event = "created"
        self._pending[at] = (event, payload)

    def channel_closed(self, channel: str) -> None:
        """Forget the subscription; the page is told by the message that came before."""
        self._subscriptions.pop(channel, None)

    # What the socket does

    async def run(self) -> None:
        """Flush until cancelled or the socket is gone."""
        loop = asyncio.get_running_loop()
        self.page.open(self)
        try:
            while True:
                if not self._snapshot_due:
                    await self._wake.wait()
                await self._pace(loop)
                started = loop.time()
                size = await self._flush()
                self._flush_took = loop.time() - started
                pause_s = max(FLUSH_INTERVAL_S if size else 0.0, self.page.pause_s)
                self._not_before = started + max(pause_s, size / BYTES_PER_S)
        finally:
            for channel, keys in self._subscriptions.items():
                self.hub.unsubscribe(self, channel, keys)
            self._subscriptions.clear()

    def left(self) -> None:
        """The socket is gone: let go of the page, which knows this session, so that both are freed at once."""
        del self.page

    async def _pace(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the next allowed flush; something urgent cuts the wait short."""
        wait = self._not_before - loop.time()
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._urgent.wait()
        if self._urgent.is_set():
            await asyncio.sleep(max(AT_ONCE_S, URGENT_SHARE * self._flush_took))

    async def _flush(self) -> int:
        self._wake.clear()
        self._urgent.clear()
        changes, self._pending = self._pending, {}
        if self._snapshot_due:
            self._snapshot_due = False
            frames = await self.page.snapshot()
            if changes:
                frames += await self.page.render(changes)
        else:
            frames = await self.page.render(changes) if changes else []
        size = 0
        said, self._said = self._said, []
        if self._around_due:
            self._around_due = False
            before, self._around_sent = self._around_sent, self._around()
            said = [*(frame for frame in self._around_sent if frame not in before), *said]
        for frame in (*said, *frames):
            await self._send(frame)
            size += len(frame)
        return size


class LiveSessions:
    """All page sessions of this process, so that the end of a login ends its sockets."""

    def __init__(
        self,
        still_good: Callable[[bytes], bool] = lambda owner: True,
        around: Callable[[], Sequence[str]] = tuple,
        limit: int = 2_000,
    ) -> None:
        """`still_good`: whether a login has not ended yet; `around`: what every page shows around its content, as
        frames for its socket."""
        self.limit = limit
        self.still_good = still_good
        self.around = around
        self._closers: dict[PageSession, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self._closers)

    @property
    def full(self) -> bool:
        """Whether one more page would be too many."""
        return len(self._closers) >= self.limit

    def add(self, session: PageSession, close: Callable[[], None]) -> None:
        """Remember how to end a session's socket."""
        self._closers[session] = close

    def discard(self, session: PageSession) -> None:
        """The socket is gone."""
        self._closers.pop(session, None)

    def end_login(self, owner: bytes) -> None:
        """A login ended: so do its sockets."""
        self.end(owner)

    def end(self, owner: bytes | None = None) -> int:
        """Close the sockets of one login session, or of all."""
        ended = [s for s in self._closers if owner is None or s.owner == owner]
        for session in ended:
            self._closers.pop(session)()
        return len(ended)

    def around_changed(self) -> None:
        """Send what is different around the content of every open page."""
        for session in self._closers:
            session.around_changed()

    def pages(self) -> list[Page]:
        """The pages that are open now."""
        return [session.page for session in self._closers]
