"""What only says again what is stored, so that reading costs less: logs and minutes in brief, of a group of rigs; and a
day of a rig, ten minutes by ten minutes. One row at a time, once its time is over.

In the transaction that changes logs or minutes, `Store` deletes what was derived from them and notes that it is due.
Until it is made again, they themselves are read. So what exists is right, wherever the process ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from rigfarm.commander.history.chunks.brief import Brief, brief_of, pack_briefs
from rigfarm.commander.history.chunks.codes import UNKNOWN
from rigfarm.commander.history.chunks.columns import Columns, DamagedError, Key, pack
from rigfarm.commander.history.model import BRIEF_RIGS, DAY_MS, DERIVED, HOUR_MS, OWNER, TABLES, Table, row_id
from rigfarm.commander.history.rollups.as_log import hour_in_brief
from rigfarm.commander.history.rollups.hours import folded
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.merge import MAX_COLUMNS, MINUTES_OF_HOUR

__all__ = ["make_derived"]

AT_ONCE = 100
"""Rows in one round."""
_TEN = 10
_OF_HOUR = MINUTES_OF_HOUR // _TEN
_OF_DAY = DAY_MS // HOUR_MS * _OF_HOUR
_PARTS = [slice(_TEN * n, _TEN * (n + 1)) for n in range(_OF_HOUR)]


def make_derived(
    store: Store,
    *,
    closing: threading.Event | None = None,
    breathe: Callable[[float], None] = time.sleep,
    between: Callable[[], None] = lambda: None,
    most: int = AT_ONCE,
) -> bool:
    """Make some that are due, of times that are over, the latest first; True when more are left. `breathe` is called
    with the seconds that one took, `between` between two."""
    due = list(_due(store, most + 1))
    for table, row in due[:most]:
        if closing is not None and closing.is_set():
            return False
        between()
        began = time.monotonic()
        with store.transaction():
            if table == "tens":
                _tens(store, row)
            else:
                _briefs(store, table, row)
            store.db.execute(f"DELETE FROM {table}_due WHERE id = ?", (row,))  # noqa: S608
        breathe(time.monotonic() - began)
    return len(due) > most


def _due(store: Store, most: int) -> Iterator[tuple[Table, int]]:
    """(table, row)"""
    for table in DERIVED:
        border = row_id((store.note("until_ms") or 0) // TABLES[table], 0)
        rows = store.db.execute(
            f"SELECT id FROM {table}_due WHERE id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
            (border, most),
        ).fetchall()
        most -= len(rows)
        yield from ((table, row) for (row,) in rows)


def _briefs(store: Store, table: Table, row: int) -> None:
    number, first = row >> 32, (row & OWNER) * BRIEF_RIGS
    of = DERIVED[table]
    briefs: dict[int, Brief] = {}
    unread = []
    for one, body in store.between(of, row_id(number, first), row_id(number, first + BRIEF_RIGS)):
        try:
            briefs[one & OWNER] = brief_of(body) if of == "raw" else hour_in_brief(Columns(body), number)
        except DamagedError:  # begun again when it is next written
            unread.append(one & OWNER)
    if briefs or unread:
        store.put(table, [(row, pack_briefs(briefs, unread))])


def _tens(store: Store, row: int) -> None:
    """A day that has a damaged hour, or too many columns, is left to its minutes."""
    first = (row >> 32) * DAY_MS // HOUR_MS
    hours = [row_id(first + hour, row & OWNER) for hour in range(DAY_MS // HOUR_MS)]
    columns: dict[Key, list[int]] = {}
    try:
        for one, body in store.some("minutes", hours):
            at = ((one >> 32) - first) * _OF_HOUR
            for key, column in folded(Columns(body).all(), _PARTS).items():
                columns.setdefault(key, [UNKNOWN] * _OF_DAY)[at : at + _OF_HOUR] = column
    except DamagedError:
        return
    if 0 < len(columns) <= MAX_COLUMNS:
        store.put("tens", [(row, pack(_OF_DAY, columns))])
