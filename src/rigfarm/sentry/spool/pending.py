"""What the loop knows and the spool's file does not yet: new logs, and what became of old ones."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.record import LOG, Record

__all__ = ["Pending"]

MAX_GONE = 1_000
"""Pieces in which numbers are remembered that are gone; more are forgotten, and may be counted twice for a moment."""


class Pending:
    """Of one spool. Numbers are given out here."""

    def __init__(self) -> None:
        self.next_seq = 1
        self.waiting: deque[tuple[bytes, int, bytes]] = deque()
        """Key, epoch and bytes of logs that have no number yet."""
        self.unwritten: deque[Record] = deque()
        self.memory = 0
        """Bytes of logs in the two above."""
        self.unnumbered_drops = 0
        """Logs that were dropped before the file said which numbers are free."""
        self.lost = RangeSet()
        self.void = RangeSet()
        self.acked = RangeSet()
        self._gone = RangeSet()
        """Numbers that the file has let go of: what is sent twice is acknowledged twice, and counts once."""
        self.lost_of: Counter[bytes] = Counter()
        """How many of the dropped ones each token had."""
        self.told: dict[bytes, int] = {}
        """Which totals of lost logs the Commander knows."""
        self._released: dict[int, int] = {}
        """Held logs that are among the unwritten: new number -> id."""
        self._numbering = False

    def begin(self, next_seq: int) -> None:
        """The file is open: this number is the next that is free."""
        self.next_seq = next_seq
        self._gone = RangeSet()
        self._numbering = True
        drops, self.unnumbered_drops = self.unnumbered_drops, 0
        self._give_up_numbers(drops)

    @property
    def logs(self) -> int:
        """Logs that are in memory only."""
        return len(self.unwritten) + len(self.waiting)

    # New logs

    def add(self, key: bytes, epoch: int, body: bytes) -> None:
        """A log that was just recorded."""
        self.waiting.append((key, epoch, body))
        self.memory += len(body)

    def number(self) -> list[Record]:
        """Give waiting logs their numbers."""
        fresh = []
        while self.waiting:
            key, epoch, body = self.waiting.popleft()
            fresh.append(Record(LOG, self.next_seq, epoch, key, body))
            self.next_seq += 1
        self.unwritten.extend(fresh)
        return fresh

    def release(self, held: Iterable[tuple[int, Record]]) -> list[Record]:
        """Logs that were put aside, by id, get new numbers."""
        fresh = []
        for one, record in held:
            self._released[self.next_seq] = one
            fresh.append(record._replace(seq=self.next_seq))
            self.next_seq += 1
        self.unwritten.extend(fresh)
        self.memory += sum(len(record.body) for record in fresh)
        return fresh

    # Logs that will never be written

    def bound(self, limit_bytes: int, *, committing: bool) -> None:
        """Drop the oldest beyond the limit. A commit that is under way may still write its logs: only those after them
        can be dropped."""
        while self.memory > limit_bytes:
            if self.unwritten and not committing:
                record = self.unwritten.popleft()
                self.memory -= len(record.body)
                self.lost.add(record.seq, record.seq)
                self.lost_of[record.key] += 1
            elif self.waiting:
                key, _, body = self.waiting.popleft()
                self.memory -= len(body)
                self.lost_of[key] += 1
                self._give_up_numbers(1)
            else:
                return

    def _give_up_numbers(self, count: int) -> None:
        """Logs that were dropped before they had a number get one, for the Commander to hear of."""
        if not self._numbering:
            self.unnumbered_drops += count
        elif count:
            self.lost.add(self.next_seq, self.next_seq + count - 1)
            self.next_seq += count

    def refuse(self, first: int, last: int) -> None:
        """Give up logs by number."""
        refused = [record for record in self.unwritten if first <= record.seq <= last]
        if refused:
            self.lost_of.update(record.key for record in refused)
            self._keep(record for record in self.unwritten if not first <= record.seq <= last)
            self.lost.add(first, last)

    def forget(self, key: bytes) -> None:
        """Give up logs of a token; their numbers are void."""
        self.lost_of.pop(key, None)
        self.told.pop(key, None)
        self.memory -= sum(len(body) for other, _, body in self.waiting if other == key)
        self.waiting = deque(one for one in self.waiting if one[0] != key)
        for record in self.unwritten:
            if record.key == key:
                self.void.add(record.seq, record.seq)
        self._keep(record for record in self.unwritten if record.key != key)

    def _keep(self, records: Iterable[Record]) -> None:
        kept = deque(records)
        self.memory += sum(len(one.body) for one in kept) - sum(len(one.body) for one in self.unwritten)
        self.unwritten = kept

    def acknowledge(self, first: int, last: int) -> None:
        """The Commander has these."""
        for part in self._gone.without(first, last):
            self.acked.add(*part)

    # Commits

    def batch(self, limit_bytes: int) -> Batch:
        """As many of the oldest unwritten logs as one commit takes, and all else that the file does not know."""
        records: list[Record] = []
        room = limit_bytes
        for record in self.unwritten:
            if room <= 0:
                break
            records.append(record)
            room -= len(record.body)
        last = records[-1].seq if records else 0
        more = len(records) < len(self.unwritten)
        return Batch(
            [record for record in records if record.seq not in self.acked],
            self.next_seq,
            # A log may be acknowledged before it is written: that is remembered until it would have been.
            acked=self.acked.within(0, last if more else self.next_seq),
            lost=list(self.lost),
            void=list(self.void),
            lost_of=self.lost_of.copy(),
            told=self.told.copy(),
            released={seq: one for seq, one in self._released.items() if seq <= last},
            unwritten_from=self.unwritten[len(records)].seq if more else 0,
            taken=len(records),
        )

    def committed(self, batch: Batch) -> None:
        """The file knows it now."""
        for _ in range(batch.taken):
            self.memory -= len(self.unwritten.popleft().body)
        for known, parts in ((self.lost, batch.lost), (self.void, batch.void), (self.acked, batch.acked)):
            for first, last in parts:
                known.discard(first, last)
        for first, last in batch.acked:
            self._gone.add(first, last)
        if len(self._gone) > MAX_GONE:
            self._gone = RangeSet()
        self.lost_of.subtract(batch.lost_of)
        self.lost_of = +self.lost_of
        self.told = {key: total for key, total in self.told.items() if batch.told.get(key) != total}
        for seq in batch.released:
            del self._released[seq]
