"""One step of the history: some rows of the journal, read and put where they belong.

A step may end anywhere, at any moment. The position in the journal moves with the last of its transactions; what was
written before that is found there when the step is repeated, and changes nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec
import structlog
from msgspec import Struct

from rigfarm.commander.history.chunks.columns import Columns, DamagedError, pack
from rigfarm.commander.history.model import OF_RIGS, SLOT_MS, Table, place_of, row_id
from rigfarm.commander.history.rollups.days import put_day
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.rollups.totals import Sums, add, fold_totals, folded_coins, joined, split
from rigfarm.commander.history.store import KNOWN_BY, Store
from rigfarm.commander.history.writing.merge import HOURS_OF_DAY, MINUTES_OF_HOUR, Merge
from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs.rows import DamagedRowError, Row, unpack_rigs
from rigfarm.wire.codec import FrameError, decode_log
from rigfarm.wire.log import OperationalLog

__all__ = ["Done", "Ended", "Step"]

log = structlog.get_logger()

ROWS = 2_400
"""Journal rows of one step: ten minutes."""
ROWS_AT_ONCE = 20
"""Read in one go: a journal that is being read cannot reuse its write-ahead log."""
LOGS_AT_ONCE = 10_000
"""Logs of the rigs that are written together."""
PARTS_AT_ONCE = 4
"""So many parts of the rigs have their encoded logs in memory, about three megabytes each; for more, the rows of the
journal are read again."""
_SOME_ROWS = "SELECT id, rigs, body FROM journal WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
LOGS_OF_RIG = 500
"""Of one rig, decoded at a time."""
NEWEST = (1 << 63) - 1
AHEAD_MS = 3_600_000
"""A log that is so far ahead of the clock of the row that holds it comes from a wrong clock."""


_Rows = dict[Table, dict[int, bytes]]
"""Rows that are written together, in the order of their ids."""


class Ended(Exception):  # noqa: N818 - not an error
    """The history is closing: the step is given up."""


class Done(Struct, kw_only=True):
    """What a step did."""

    rows: int = 0
    logs: int = 0
    taken: int = 0
    """Logs that were not there before."""
    untimely: int = 0
    """Logs from before the chunks that are kept, or from the future."""
    failed: int = 0
    """Rigs whose logs could not be put in."""
    more: bool = False
    """There is more to be read already."""
    worked_s: float = 0.0
    """CPU of its thread."""


class Step:
    """Makes steps. In one thread of its own."""

    def __init__(
        self,
        store: Store,
        journal: sqlite3.Connection,
        pace: Pace,
        *,
        closing: threading.Event | None = None,
        breathe: Callable[[float], None] = time.sleep,
        on_progress: Callable[[], None] = lambda: None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """`breathe` is called after each rig with the seconds that it took: the interpreter belongs to others then.
        `between` is called between two transactions."""
        self._store = store
        self._journal = journal
        self._pace = pace
        self._closing = closing or threading.Event()
        self._breathe = breathe
        self._on_progress = on_progress
        self._between = between

    def take(self, rigs: Mapping[int, KindName], upto: int | None = None) -> Done:
        """Read on in the journal, up to the row `upto`. `rigs` are those that there are; logs of others are passed
        over."""
        done = Done()
        after = self._position()
        last, stamp_ms, done.more = self._reach(after, NEWEST if upto is None else upto)
        if last == after:
            return done
        counts = self._counts(after, last, rigs)
        parts = _parts(counts)
        raw: dict[int, list[bytes]] = {}
        for n, part in enumerate(parts):
            if not n % PARTS_AT_ONCE:
                raw = self._raw_logs(frozenset(chain(*parts[n : n + PARTS_AT_ONCE])), after, last)
            self._between()
            with self._store.transaction():
                self._part(part, raw, rigs, stamp_ms + AHEAD_MS, done)
                if n == len(parts) - 1:
                    self._moved(last, stamp_ms)
        if not parts:
            with self._store.transaction():
                self._moved(last, stamp_ms)
        done.rows = last - after
        return done

    def _moved(self, last: int, stamp_ms: int) -> None:
        self._store.set_note("position", last)
        for name in KNOWN_BY:
            self._store.set_note(name, last)
        self._store.set_note("until_ms", max(stamp_ms, self._store.note("until_ms") or 0))

    def _position(self) -> int:
        """The last row that was read; a journal that was begun again is read from its beginning."""
        position = self._store.note("position") or 0
        newest = self._journal.execute("SELECT max(id) FROM journal").fetchone()[0] or 0
        return position if position <= newest else 0

    def _reach(self, after: int, upto: int) -> tuple[int, int, bool]:
        """(last row, its time, whether there are more) of a step."""
        found = self._journal.execute(
            "SELECT id, t_ms FROM journal WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", (after, upto, ROWS + 1)
        ).fetchall()
        if not found:
            return after, 0, False
        last, stamp_ms = found[min(len(found), ROWS) - 1]
        return last, stamp_ms, len(found) > ROWS

    def _counts(self, after: int, last: int, rigs: Mapping[int, KindName]) -> Counter[int]:
        """Logs of each rig."""
        found: Counter[int] = Counter()
        for (packed,) in self._journal.execute(
            "SELECT rigs FROM journal WHERE id > ? AND id <= ? ORDER BY id", (after, last)
        ):
            with contextlib.suppress(ValueError, TypeError):  # damaged: reported at the start
                found.update(unpack_rigs(packed))
        for rig in found.keys() - rigs.keys():
            del found[rig]
        return found

    def _part(
        self,
        part: Sequence[int],
        raw: dict[int, list[bytes]],
        rigs: Mapping[int, KindName],
        latest_ms: int,
        done: Done,
    ) -> None:
        """The logs of some rigs, in the caller's transaction. They are taken from the `raw` ones."""
        totals: dict[tuple[int, int], Sums] = {}
        rows: _Rows = {table: {} for table in OF_RIGS}
        for rig in part:
            self._rig(rig, place_of(rigs[rig]), raw.pop(rig, []), latest_ms, totals, rows, done)
        for table, changed in rows.items():
            self._store.put(table, changed.items())
        for (place, hour), sums in totals.items():
            self._add_totals(place, hour, sums)

    def _raw_logs(self, wanted: frozenset[int], after: int, last: int) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {rig: [] for rig in wanted}
        while after < last:
            began = time.monotonic()
            rows = self._journal.execute(_SOME_ROWS, (after, last, ROWS_AT_ONCE)).fetchall()
            if not rows:
                break
            after = rows[-1][0]
            for _, packed, body in rows:
                with contextlib.suppress(DamagedRowError):  # reported at the start
                    for rig, raw in Row(packed, body).raw_logs():
                        if rig in wanted:
                            found[rig].append(bytes(raw))
            self._pause(time.monotonic() - began)
        return found

    def _pause(self, took_s: float) -> None:
        if self._closing.is_set():
            raise Ended
        self._on_progress()
        self._breathe(took_s)

    def _rig(
        self,
        rig: int,
        place: int,
        raw: list[bytes],
        latest_ms: int,
        totals: dict[tuple[int, int], Sums],
        rows: _Rows,
        done: Done,
    ) -> None:
        """One rig's logs, a few hours of them at a time. A rig that sends the unforeseen costs its own history
        only."""
        done.logs += len(raw)
        floor_ms = self._store.note("raw_floor_ms")
        earliest_ms = 0 if floor_ms is None else floor_ms + self._pace.reach_ms + SLOT_MS
        if len(raw) > LOGS_OF_RIG:
            raw.sort(key=_time_of)
        for at in range(0, len(raw), LOGS_OF_RIG):
            began = time.monotonic()
            logs = []
            for one in raw[at : at + LOGS_OF_RIG]:
                with contextlib.suppress(FrameError):  # of a version that this one cannot read
                    logs.append(decode_log(one))
            kept = [one for one in logs if earliest_ms <= one.t <= latest_ms]
            done.untimely += len(logs) - len(kept)
            try:
                self._merge(rig, place, kept, totals, rows, done)
            except (ArithmeticError, ValueError, TypeError, LookupError, MemoryError) as error:
                log.error("logs of a rig could not be put into its history", rig=rig, exc_info=error)
                done.failed += 1
            self._pause(time.monotonic() - began)

    def _merge(
        self,
        rig: int,
        place: int,
        logs: list[OperationalLog],
        totals: dict[tuple[int, int], Sums],
        rows: _Rows,
        done: Done,
    ) -> None:
        merge = Merge(self._store, rig, self._pace, rows)
        merge.add(logs)
        for table, changed in merge.changed.items():
            rows[table] |= changed
        for day, of_day in merge.days.items():
            put_day(self._store, day, rig, of_day)
        if merge.times:
            self._store.seen(rig, min(merge.times), max(merge.times))
        for hour, sums in merge.totals.items():
            add(totals.setdefault((place, hour), {}), [(sums, 1)], 0, MINUTES_OF_HOUR)
        done.taken += merge.taken

    # Totals

    def _add_totals(self, place: int, hour: int, more: Sums) -> None:
        stored = self._totals("minute_totals", row_id(hour, place))
        add(stored, [(folded_coins(stored, more), 1)], 0, MINUTES_OF_HOUR)
        self._put_totals("minute_totals", row_id(hour, place), stored, MINUTES_OF_HOUR)
        day, at = divmod(hour, HOURS_OF_DAY)
        of_day = self._totals("hour_totals", row_id(day, place))
        folded = fold_totals(stored, slice(0, MINUTES_OF_HOUR))
        for key in of_day.keys() | folded.keys():
            of_day.setdefault(key, [0] * HOURS_OF_DAY)[at] = folded.get(key, 0)
        self._put_totals("hour_totals", row_id(day, place), of_day, HOURS_OF_DAY)

    def _totals(self, table: Table, row: int) -> Sums:
        body = self._store.get(table, row)
        try:
            return joined(Columns(body).all()) if body is not None else {}
        except DamagedError as error:
            log.error("totals of the farm cannot be read and are begun again", table=table, why=str(error))
            return {}

    def _put_totals(self, table: Table, row: int, sums: Sums, rows: int) -> None:
        columns = split(sums)
        if columns:
            self._store.put(table, [(row, pack(rows, columns))])
        else:
            self._store.delete(table, [row])


class _Time(Struct, array_like=True, gc=False):
    t: int


_time = msgspec.msgpack.Decoder(_Time)


def _time_of(raw: bytes) -> int:
    """Of an encoded log; 0 of one that cannot be read."""
    try:
        return _time.decode(raw).t
    except msgspec.DecodeError:
        return 0


def _parts(counts: Mapping[int, int]) -> list[list[int]]:
    """Rigs in parts of at most LOGS_AT_ONCE logs, or one rig."""

    def made() -> Iterator[list[int]]:
        part: list[int] = []
        size = 0
        for rig, count in sorted(counts.items()):
            if part and size + count > LOGS_AT_ONCE:
                yield part
                part, size = [], 0
            part.append(rig)
            size += count
        if part:
            yield part

    return list(made())
