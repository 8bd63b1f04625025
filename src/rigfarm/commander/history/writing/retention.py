"""What is too old leaves, some of it at a time, and a removed rig's history at once.

A *floor* is the time before which a table has nothing. It follows the clock, but no faster than twice the time that
really passed: a clock that jumps five days ahead must not make five days of history vanish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rigfarm.commander.history.happened.rows import forget_happened, prune
from rigfarm.commander.history.model import DAY_MS, HOUR_MS, OF_RIGS, TABLES, Keep, Table, row_id
from rigfarm.commander.history.rollups.days import forget_days, prune_days
from rigfarm.commander.history.store import Store
from rigfarm.common.clock import utc_ms

__all__ = ["ROWS", "Retention", "forget"]

ROWS = 2_000
"""Rows of each table that one round deletes or moves at the most."""


class Retention:
    """Used from one thread at a time; `monotonic` yields s, `wall_ms` UTC ms."""

    def __init__(
        self,
        store: Store,
        keep: Keep,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = utc_ms,
    ) -> None:
        self._store = store
        self._keep = keep
        self._monotonic = monotonic
        self._wall_ms = wall_ms
        self._last = monotonic()

    def run(self) -> bool:
        """Delete some of what is too old, move some of what is over; True when more of it is left."""
        now = self._monotonic()
        passed_ms = round((now - self._last) * 1000)
        self._last = now
        left = False
        with self._store.transaction():
            for table, span_ms in TABLES.items():
                floor_ms = self._floor(table, span_ms, passed_ms)
                left |= self._store.delete_before(table, row_id(floor_ms // span_ms, 0), ROWS) >= ROWS
                over = (self._store.note("until_ms") or 0) // span_ms - 1
                left |= self._store.settle(table, row_id(over, 0), ROWS)
            prune_days(self._store, (self._store.note("hours_floor_ms") or 0) // DAY_MS)
            left |= self._happened()
        return left

    def _happened(self) -> bool:
        """What happened is kept as long as hours are; looked through once an hour."""
        floor_ms = (self._store.note("hours_floor_ms") or 0) // HOUR_MS * HOUR_MS
        if floor_ms <= (self._store.note("events_floor_ms") or 0):
            return False
        left = prune(self._store, floor_ms, ROWS)
        if not left:
            self._store.set_note("events_floor_ms", floor_ms)
        return left

    def _floor(self, table: Table, span_ms: int, passed_ms: int) -> int:
        """The floor of a table, on a border between two rows."""
        wanted = round(self._wall_ms() - self._keep.of(table))
        name = f"{table}_floor_ms"
        known = self._store.note(name)
        if known is None:
            first = self._store.first(table)
            known = wanted if first is None else min(wanted, (first >> 32) * span_ms)
        floor_ms = max(min(wanted, known + 2 * passed_ms), known)
        self._store.set_note(name, floor_ms)
        return floor_ms


def forget(store: Store, rigs: Iterable[int], now_ms: int) -> None:
    """Delete all history of rigs that are no more. What they did stays in the totals of the farm."""
    for rig in rigs:
        known = store.rig(rig)
        if known is None:
            with store.transaction():
                forget_happened(store, rig)
            continue
        first_ms, last_ms = known
        with store.transaction():
            forget_happened(store, rig)
            for table in OF_RIGS:
                span_ms = TABLES[table]
                since = max(first_ms, store.note(f"{table}_floor_ms") or 0)
                numbers = range(since // span_ms, max(last_ms, now_ms) // span_ms + 2)
                store.delete(table, (row_id(number, rig) for number in numbers))
                if table == "hours":
                    forget_days(store, rig, numbers)
            store.forget(rig)
