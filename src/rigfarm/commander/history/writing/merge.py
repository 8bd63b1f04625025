"""Putting logs of one rig where they belong, and making again all that depends on them.

A chunk is a set of logs by time: what is there already changes nothing, and the order in which logs come does not
matter. Minutes are made from chunks, hours from minutes, and the totals take the difference. So the same logs always
end as the same history, whatever happened on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import structlog

from rigfarm.commander.history.chunks.chunk import Chunk
from rigfarm.commander.history.chunks.codes import UNKNOWN, code
from rigfarm.commander.history.chunks.columns import Columns, DamagedError, Key, pack
from rigfarm.commander.history.happened.facts import NormalWas, RestWas
from rigfarm.commander.history.happened.rows import lasting_at
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, SLOT_MS, Table, row_id
from rigfarm.commander.history.rollups.days import RigSums, sums_of
from rigfarm.commander.history.rollups.hours import fold
from rigfarm.commander.history.rollups.minutes import MINUTE_MS, Lasting, Pace, Rows, minutes
from rigfarm.commander.history.rollups.totals import Sums, add, contribution
from rigfarm.commander.history.store import Reader
from rigfarm.wire.log import OperationalLog

__all__ = ["MAX_COLUMNS", "Merge"]

log = structlog.get_logger()

MINUTES_OF_SLOT = SLOT_MS // MINUTE_MS
MINUTES_OF_HOUR = HOUR_MS // MINUTE_MS
HOURS_OF_DAY = DAY_MS // HOUR_MS
MAX_COLUMNS = 20_000
"""Of one rig in one hour or day. A rig may call its devices and coins something else in each log."""


class Merge:
    """The logs of one rig put into its history, in memory: `changed` is what is to be written then. `before` are rows
    that wait to be written already."""

    def __init__(self, store: Reader, rig: int, pace: Pace, before: Mapping[Table, Mapping[int, bytes]]) -> None:
        self._store = store
        self._waiting = before
        self._rig = rig
        self._pace = pace
        self._chunks: dict[int, Chunk] = {}
        self.changed: dict[Table, dict[int, bytes]] = {"raw": {}, "minutes": {}, "hours": {}}
        self.totals: dict[int, Sums] = {}
        """What is added to the totals of an hour, by its number."""
        self.days: dict[int, RigSums] = {}
        """What it did in a day, by its number."""
        self.taken = 0
        """Logs that were not there before."""
        self.times: list[int] = []
        """Times of these."""

    def add(self, logs: Iterable[OperationalLog]) -> None:
        """Put logs in."""
        slots: dict[int, list[OperationalLog]] = {}
        for one in logs:
            slots.setdefault(one.t // SLOT_MS, []).append(one)
        dirty: set[int] = set()
        for slot, fresh in slots.items():
            if self._put(slot, fresh):
                dirty |= {slot, *self._depending(slot)}
        hours: dict[int, set[int]] = {}
        for slot in dirty:
            hours.setdefault(slot * SLOT_MS // HOUR_MS, set()).add(slot)
        for hour, changed in hours.items():
            self._hour(hour, sorted(changed))

    # Chunks

    def _chunk(self, slot: int) -> Chunk:
        found = self._chunks.get(slot)
        if found is None:
            found = self._chunks[slot] = self._read_chunk(slot)
        return found

    def _read_chunk(self, slot: int) -> Chunk:
        body = self._stored("raw", row_id(slot, self._rig))
        try:
            return Chunk.unpack(body) if body is not None else Chunk()
        except DamagedError as error:
            log.error("ten minutes of history cannot be read and are begun again", rig=self._rig, why=str(error))
            return Chunk()

    def _put(self, slot: int, fresh: list[OperationalLog]) -> bool:
        """Add logs to a chunk; False when they are all there already."""
        chunk = self._chunk(slot)
        new = chunk.add(fresh)
        if not new:
            return False
        self.changed["raw"][row_id(slot, self._rig)] = chunk.pack()
        self.taken += len(new)
        self.times += new
        return True

    def _depending(self, slot: int) -> Iterator[int]:
        """Later slots that begin with what the last log of this one says."""
        last = self._chunk(slot).order()[-1][0]
        for later in range(slot + 1, (last + self._pace.reach_ms) // SLOT_MS + 1):
            if self._chunk(later):
                yield later
                return
            if last + self._pace.hold_ms > later * SLOT_MS:
                yield later

    def _before(self, slot: int) -> Lasting | None:
        """The last log before a slot, within reach."""
        start_ms = slot * SLOT_MS
        earliest = start_ms - self._pace.reach_ms
        for earlier in range(slot - 1, earliest // SLOT_MS - 1, -1):
            if chunk := self._chunk(earlier):
                t, part, row = chunk.order()[-1]
                return (t, part.only(row), 0) if t >= earliest else None
        return None

    # What is made from them

    def _hour(self, hour: int, slots: list[int]) -> None:
        columns = self._columns("minutes", hour)
        sums = self.totals.setdefault(hour, {})
        for slot in slots:
            first = slot % (HOUR_MS // SLOT_MS) * MINUTES_OF_SLOT
            rows = slice(first, first + MINUTES_OF_SLOT)
            logs = self._chunk(slot).order()
            made = minutes(logs, self._before(slot), slot * SLOT_MS, MINUTES_OF_SLOT, self._pace)
            self._normals(made, slot * SLOT_MS)
            self._rests(made, slot * SLOT_MS)
            old = contribution(columns, rows)
            _replace(columns, made, rows, MINUTES_OF_HOUR)
            add(sums, [(contribution(columns, rows), 1), (old, -1)], first, MINUTES_OF_HOUR)
        self._save("minutes", hour, columns, MINUTES_OF_HOUR)
        day, place = divmod(hour, HOURS_OF_DAY)
        folded = {key: [number] for key, number in fold(columns, slice(0, MINUTES_OF_HOUR)).items()}
        of_day = self._columns("hours", day)
        _replace(of_day, folded, slice(place, place + 1), HOURS_OF_DAY)
        self._save("hours", day, of_day, HOURS_OF_DAY)
        self.days[day] = sums_of(of_day, slice(0, HOURS_OF_DAY))

    def _normals(self, made: Rows, start_ms: int) -> None:
        """What was normal for the rig then, beside what it did."""
        normal = lasting_at(self._store, "normal", self._rig, start_ms)
        if normal is not None and isinstance(normal.fact, NormalWas):
            for coin, hashrate in normal.fact.coins.items():
                if (known := made.get(("coin", coin, "mean"))) is not None:
                    coded = code(hashrate)
                    made["normal", coin, "mean"] = [UNKNOWN if one == UNKNOWN else coded for one in known]

    def _rests(self, made: Rows, start_ms: int) -> None:
        """Where someone wanted the rig to mine nothing, as it was at the end of a minute, idle is *stopped*."""
        idle, stopped = made.get(("state", "idle", "ms"), []), made.get(("state", "stopped", "ms"))
        for minute, lasts_ms in enumerate(idle):
            if lasts_ms not in (0, UNKNOWN) and stopped is not None:
                rest = lasting_at(self._store, "rest", self._rig, start_ms + (minute + 1) * MINUTE_MS - 1)
                if rest is not None and isinstance(rest.fact, RestWas) and rest.fact.why:
                    idle[minute], stopped[minute] = 0, lasts_ms

    def _columns(self, table: Table, number: int) -> Rows:
        row = row_id(number, self._rig)
        body = self.changed[table].get(row) or self._stored(table, row)
        try:
            return Columns(body).all() if body is not None else {}
        except DamagedError as error:
            log.error("history of a rig cannot be read and is begun again", rig=self._rig, table=table, why=str(error))
            return {}

    def _stored(self, table: Table, row: int) -> bytes | None:
        return self._waiting[table].get(row) or self._store.get(table, row)

    def _save(self, table: Table, number: int, columns: Rows, rows: int) -> None:
        if columns:
            self.changed[table][row_id(number, self._rig)] = pack(rows, columns)


def _replace(columns: Rows, made: Rows, rows: slice, count: int) -> None:
    """Put rows in the place of others; columns that know nothing any more are left out."""
    unknown = [UNKNOWN] * (rows.stop - rows.start)
    gone: list[Key] = []
    for key, column in columns.items():
        part = made.get(key)
        column[rows] = unknown if part is None else part
        if part is None and column.count(UNKNOWN) == count:
            gone.append(key)
    for key in gone:
        del columns[key]
    for key, part in made.items():
        if key not in columns and len(columns) < MAX_COLUMNS:
            column = columns[key] = [UNKNOWN] * count
            column[rows] = part
