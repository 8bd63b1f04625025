"""What the spool knows about itself: its identity, its next number, what it lost, and which numbers will never come."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping

import msgspec

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.spool.clock import Correction
from rigfarm.sentry.spool.record import DROPS, GAP, META, Record, from_row, pack
from rigfarm.wire.limits import MAX_SEQUENCE

__all__ = ["Dropped", "GapBook", "Meta", "best_meta", "read_meta", "write_meta"]

_NO_KEY = bytes(8)
_DROPS_AT = 0
"""Where the table of gaps keeps the losses by token: no log has this number."""


class Meta(msgspec.Struct):
    """Kept twice in the file, rewritten by every commit. Counts are since the file was made."""

    id: bytes = msgspec.field(default_factory=lambda: os.urandom(16))
    """Numbers count within it; the Commander knows the spool by it."""
    next_seq: int = 1
    unwritten_from: int = 0
    """Numbers from this one on were given out when this was written, and their logs were still to be written; 0: none.
    Who finds it after a crash knows what was lost."""
    logs: int = 0
    held: int = 0
    """Logs put aside while their token is refused."""
    dropped_full: int = 0
    dropped_damaged: int = 0
    dropped_refused: int = 0
    damaged_files: int = 0
    epochs: dict[int, tuple[int, int]] = {}
    """First and last `t` of every stretch of time in which the Commander's clock was unknown, oldest first."""
    shifts: dict[int, int] = {}
    """ms to add to `t` of such a stretch, once the Commander's clock became known."""

    def copy(self) -> Meta:
        """A copy that shares nothing."""
        return msgspec.structs.replace(self, epochs=dict(self.epochs), shifts=dict(self.shifts))

    @property
    def dropped(self) -> int:
        """All logs that will never arrive."""
        return self.dropped_full + self.dropped_damaged + self.dropped_refused

    def note_epoch(self, epoch: int, t: int) -> None:
        """A log of this stretch carries this time."""
        first, last = self.epochs.get(epoch, (t, t))
        self.epochs[epoch] = (min(first, t), max(last, t))

    def shift(self, correction: Correction) -> None:
        """A stretch became known; earlier ones that never did must at least lie before it."""
        self.shifts[correction.epoch] = correction.delta_ms
        bound = correction.before_ms
        order = list(self.epochs)
        for older in reversed(order[: order.index(correction.epoch)] if correction.epoch in order else order):
            first, last = self.epochs[older]
            if older not in self.shifts:
                self.shifts[older] = min(0, bound - 1 - last)
            bound = min(bound, first + self.shifts[older])


def read_meta(db: sqlite3.Connection) -> Meta | None:
    """The better of the two copies."""
    rows = db.execute("SELECT v FROM meta").fetchall()
    return best_meta([record for (blob,) in rows if (record := from_row(blob)) is not None])


def best_meta(records: list[Record]) -> Meta | None:
    """The newest of these that can be read."""
    for record in sorted(records, key=lambda record: record.seq, reverse=True):
        if record.magic == META:
            try:
                meta = msgspec.msgpack.decode(record.body, type=Meta)
            except msgspec.DecodeError:
                continue
            if _is_possible(meta):
                return meta
    return None


def _is_possible(meta: Meta) -> bool:
    """Whether the spool can work with these figures: none is negative, or larger than SQLite and the link can say."""
    counts = (
        meta.logs, meta.held, meta.dropped_full, meta.dropped_damaged, meta.dropped_refused, meta.damaged_files,
        meta.unwritten_from, *meta.epochs, *meta.shifts,
    )  # fmt: skip
    times = (*meta.shifts.values(), *(t for first_last in meta.epochs.values() for t in first_last))
    return (
        len(meta.id) == 16
        and 1 <= meta.next_seq <= MAX_SEQUENCE
        and all(0 <= count <= MAX_SEQUENCE for count in counts)
        and all(abs(t) <= MAX_SEQUENCE for t in times)
    )


def write_meta(db: sqlite3.Connection, meta: Meta) -> None:
    """Both copies."""
    blob = pack(Record(META, meta.next_seq, 0, _NO_KEY, msgspec.msgpack.encode(meta)))
    db.execute("INSERT OR REPLACE INTO meta VALUES (1, ?), (2, ?)", (blob, blob))


class Dropped(msgspec.Struct, frozen=True, array_like=True):
    """Lost logs of one token, since the spool was made."""

    total: int
    told: int = 0
    """Of these the Commander knows."""


_dropped = msgspec.msgpack.Decoder(dict[bytes, Dropped])


class GapBook:
    """Numbers whose logs will never come: `lost` ones, and `void` ones that are not missed."""

    def __init__(self) -> None:
        self.lost = RangeSet()
        self.void = RangeSet()
        self.dropped: dict[bytes, Dropped] = {}
        """By the spool's key of the token, as far as it is known whose they were (a damaged log does not tell)."""
        self._stored: dict[int, bytes] = {}

    def copy(self) -> GapBook:
        """A copy that shares nothing."""
        other = GapBook()
        other.lost, other.void = RangeSet(self.lost), RangeSet(self.void)
        other.dropped = dict(self.dropped)
        other._stored = self._stored
        return other

    def replaces(self, other: GapBook) -> None:
        """The table holds what `other` wrote; the next `write` turns it into this."""
        self._stored = other._stored

    def load(self, record: Record) -> None:
        """Take a gap record that was read from the file."""
        self._stored[record.seq] = pack(record)
        self.remember(record)

    def remember(self, record: Record) -> None:
        """Take a gap record, wherever it was found."""
        if record.magic == DROPS:
            try:
                counts = _dropped.decode(record.body)
            except msgspec.DecodeError:
                return  # how many were lost is not worth the logs that are left
            for key, found in counts.items():
                known = self.dropped.get(key, Dropped(0))
                self.dropped[key] = Dropped(max(known.total, found.total), max(known.told, found.told))
            return
        last = int.from_bytes(record.key, "big")
        if last >= record.seq:
            (self.lost if record.epoch else self.void).add(record.seq, last)

    def discard(self, first: int, last: int) -> None:
        """The Commander knows that these will not come."""
        self.lost.discard(first, last)
        self.void.discard(first, last)

    def drop(self, counts: Mapping[bytes, int]) -> None:
        """So many more logs of these tokens are lost."""
        for key, count in counts.items():
            before = self.dropped.get(key, Dropped(0))
            self.dropped[key] = Dropped(before.total + count, before.told)

    def told(self, totals: Mapping[bytes, int]) -> None:
        """The Commander knows these totals."""
        for key, told in totals.items():
            if (before := self.dropped.get(key)) is not None:
                self.dropped[key] = Dropped(before.total, max(before.told, min(told, before.total)))

    def write(self, db: sqlite3.Connection) -> None:
        """Bring the table up to date."""
        wanted = {}
        for ranges, epoch in ((self.void, 0), (self.lost, 1)):
            for first, last in ranges:
                wanted[first] = pack(Record(GAP, first, epoch, last.to_bytes(8, "big"), b""))
        if self.dropped:
            wanted[_DROPS_AT] = pack(Record(DROPS, _DROPS_AT, 0, _NO_KEY, msgspec.msgpack.encode(self.dropped)))
        if wanted == self._stored:
            return
        gone = [(first,) for first in self._stored.keys() - wanted.keys()]
        changed = [(first, blob) for first, blob in wanted.items() if self._stored.get(first) != blob]
        db.executemany("DELETE FROM gaps WHERE first = ?", gone)
        db.executemany("INSERT OR REPLACE INTO gaps VALUES (?, ?)", changed)
        self._stored = wanted
