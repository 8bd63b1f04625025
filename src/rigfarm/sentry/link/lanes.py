"""Two lanes over one link: what is recorded from now on leaves at once, what waited leaves oldest first beside it.

    spool ── on_recorded ──> live lane ────┐
      └───── read ─────────> backlog lane ─┴─> frames of consecutive numbers -> link

A frame in the air is remembered until it is acknowledged, or so long without that it is sent again. When the Commander
takes live logs too slowly, they join the backlog: it is the spool that waits then, and nothing in memory grows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Raw

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.link.errors import ProtocolError
from rigfarm.sentry.link.window import Window
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.record import Record
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import Gap, Logs

__all__ = ["FRAME_LOGS", "Lanes"]

FRAME_LOGS = 100
FRAME_BYTES = 256 << 10
LIVE_BYTES = 512 << 10
"""Of live logs that are unacknowledged, and as much again that waits to leave."""
READ_LOGS = 500
FRAMES_IN_THE_AIR = 64
GAPS_EVERY_S = 1.0
LONGEST_RESEND_S = 300.0


class _Frame(NamedTuple):
    first: int
    last: int
    size: int
    sent_at: float
    live: bool
    told: dict[bytes, int]
    """How many lost logs of each token it tells of."""


class Lanes:
    """What to send next over one connection. `slots` says whose logs may be sent, by the spool's key of the token."""

    def __init__(
        self, spool: Spool, now: Callable[[], float], *, resend_s: float, one_frame_of: int | None = None
    ) -> None:
        self.slots: dict[bytes, int] = {}
        self.acknowledged = 0
        """Logs and gaps, over this connection."""
        self.one_frame_of = one_frame_of
        """Careful: only one frame in the air, of so many logs, because the Commander could not read one."""
        self._spool = spool
        self._now = now
        self._resend_s = self._patience_s = resend_s
        self._air = RangeSet()
        self._owed = RangeSet()
        """Sent over this connection, and not acknowledged: what is late and sent again is not in the air meanwhile."""
        self._sent_through = 0
        self._frames: deque[_Frame] = deque()
        self._window = Window()
        self._live: deque[Record] = deque()
        self._live_waiting = 0
        self._live_sent = 0
        self._end = spool.next_seq
        """The backlog is what lies before this."""
        self._cursor = 0
        """The backlog was read up to this."""
        self._backlog: deque[Record] = deque()
        self._gaps: deque[tuple[int, int, bool]] = deque()
        self._gaps_at = 0.0
        self._tell_dropped = False
        """Whether the next gap says whose logs were lost; the others of its round need not."""

    # What comes in

    def recorded(self, records: list[Record]) -> None:
        """These were just made durable."""
        fresh = [record for record in records if record.seq >= self._end]
        self._live.extend(fresh)
        self._live_waiting += sum(len(record.body) for record in fresh)
        if self._live_waiting > LIVE_BYTES or self.one_frame_of is not None:
            self._rewind(self._end - 1)

    def acked(self, ranges: list[tuple[int, int]]) -> None:
        """The Commander has these. ProtocolError: it was never sent them over this connection, and so cannot have them;
        none of the ranges counts then."""
        for first, last in ranges:
            if not 0 < first <= last <= self._sent_through:
                raise ProtocolError(
                    f"The Commander acknowledged logs {first} to {last}, which it was never sent. Nothing was deleted."
                )
        for first, last in ranges:
            for start, end in self._owed.within(first, last):
                self._owed.discard(start, end)
                self._air.discard(start, end)
                self._spool.acked(start, end)
        now = self._now()
        for frame in [one for one in self._frames if not self._air.overlaps(one.first, one.last)]:
            self._frames.remove(frame)
            self._patience_s = self._resend_s
            self.acknowledged += frame.last - frame.first + 1
            self._spool.told(frame.told)
            if frame.live:
                self._live_sent -= frame.size
            else:
                self._window.done(frame.size, now - frame.sent_at)
        self._spool.sending_through = max((one.last for one in self._frames if not one.live), default=0)

    def changed(self) -> None:
        """Other tokens are good now: look at the whole backlog again."""
        self._rewind(0)

    def look_again_in(self) -> float | None:
        """When `send_late_again` or `next_frame` may have something to do although nothing happened, s."""
        late_in = [max(0.05, one.sent_at + self._patience_s - self._now()) for one in self._frames]
        return min(late_in + ([GAPS_EVERY_S] if self._spool.has_gaps else []), default=None)

    def send_late_again(self) -> None:
        """Frames that were not acknowledged in time are to be sent again."""
        now = self._now()
        late = [one for one in self._frames if now - one.sent_at >= self._patience_s]
        for frame in late:
            self._frames.remove(frame)
            self._air.discard(frame.first, frame.last)
            if frame.live:
                self._live_sent -= frame.size
            else:
                self._window.gave_up(frame.size)
        if late:
            # A Commander that acknowledges nothing is slow, and must not be buried under repetitions.
            self._patience_s = min(self._patience_s * 2, LONGEST_RESEND_S)
            self._gaps.clear()
            self._rewind(min(frame.first for frame in late) - 1)

    def _rewind(self, cursor: int) -> None:
        """Everything that was not sent becomes backlog, and the backlog is read again from `cursor`."""
        self._end = self._spool.next_seq
        self._live.clear()
        self._live_waiting = 0
        if self._backlog:
            cursor = min(cursor, self._backlog[0].seq - 1)
            self._backlog.clear()
        self._cursor = min(self._cursor, cursor)

    @property
    def in_the_air(self) -> list[tuple[int, int]]:
        """Sent and not acknowledged."""
        return list(self._air)

    def relax(self) -> None:
        """No longer be careful."""
        self.one_frame_of = None

    # What goes out

    @property
    def wants_reading(self) -> bool:
        """Whether `read` would bring something to send."""
        return not self._backlog and self._cursor < self._end - 1 and self._has_room and bool(self.slots)

    @property
    def _has_room(self) -> bool:
        if self.one_frame_of is not None:
            return not self._frames
        return self._window.open and len(self._frames) < FRAMES_IN_THE_AIR

    async def read(self) -> bool:
        """Fetch the next part of the backlog; False when the disk does not give it."""
        before, cursor = self._end, self._cursor
        records, reached = await self._spool.read(cursor, before, max_records=READ_LOGS, max_bytes=FRAME_BYTES * 2)
        if (self._end, self._cursor) == (before, cursor):
            self._backlog.extend(record for record in records if record.seq not in self._air)
            self._cursor = reached
        return reached > cursor

    def next_frame(self) -> bytes | None:
        """The next frame to send: live logs before gaps before the backlog."""
        if self._live_sent < LIVE_BYTES and (data := self._frame_of(self._live, live=True)):
            return data
        if not self._has_room:
            return None
        return self._gap() or self._frame_of(self._backlog, live=False)

    def _gap(self) -> bytes | None:
        if not self._gaps and self._spool.has_gaps and self._now() >= self._gaps_at:
            self._gaps_at = self._now() + GAPS_EVERY_S
            self._gaps.extend(gap for gap in self._spool.gaps() if not self._air.overlaps(gap[0], gap[1]))
            self._tell_dropped = True
        if not self._gaps or not self.slots:
            return None
        first, last, lost = self._gaps.popleft()
        self._leave_out(first, last)
        dropped = self._spool.dropped() if self._tell_dropped else {}
        mine = {key: one for key, one in dropped.items() if key in self.slots}
        self._tell_dropped = False
        data = encode(Gap(first, last, lost, [(self.slots[key], one.total, one.told) for key, one in mine.items()]))
        self._sent(first, last, len(data), live=False, told={key: one.total for key, one in mine.items()})
        return data

    def _leave_out(self, first: int, last: int) -> None:
        """Send none of these, that were dropped while they waited here: the Commander counts them as lost."""
        for queue in (self._live, self._backlog):
            if queue and queue[0].seq <= last:
                kept = [record for record in queue if not first <= record.seq <= last]
                queue.clear()
                queue.extend(kept)
        self._live_waiting = sum(len(record.body) for record in self._live)

    def _frame_of(self, queue: deque[Record], *, live: bool) -> bytes | None:
        records = self._take(queue, live=live)
        if not records:
            return None
        bodies = [self._spool.body(record) for record in records]
        first, last = records[0].seq, records[-1].seq
        data = encode(Logs(first, [self.slots[record.key] for record in records], [Raw(body) for body in bodies]))
        self._sent(first, last, len(data), live=live)
        return data

    def _take(self, queue: deque[Record], *, live: bool) -> list[Record]:
        """The next records with consecutive numbers whose tokens are good."""
        records: list[Record] = []
        room = FRAME_BYTES
        while queue and len(records) < (self.one_frame_of or FRAME_LOGS) and room > 0:
            if queue[0].key in self.slots:
                if records and queue[0].seq != records[-1].seq + 1:
                    break
                records.append(queue[0])
                room -= len(queue[0].body)
            elif records:
                break
            if live:
                self._live_waiting -= len(queue[0].body)
            queue.popleft()
        return records

    def _sent(self, first: int, last: int, size: int, *, live: bool, told: dict[bytes, int] | None = None) -> None:
        self._spool.sent(last)
        self._owed.add(first, last)
        self._sent_through = max(self._sent_through, last)
        self._air.add(first, last)
        self._frames.append(_Frame(first, last, size, self._now(), live, told or {}))
        if live:
            self._live_sent += size
        else:
            self._window.sent(size)
            self._spool.sending_through = max(self._spool.sending_through, last)
