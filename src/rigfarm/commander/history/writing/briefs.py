"""Logs and minutes in brief, made from those that are stored, one group of rigs and one row's time at a time.

In the transaction that changes logs or minutes, `Store` deletes their brief and notes that it is due. Until it is made
again, they themselves are read. So a brief that exists is right, wherever the process ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from rigfarm.commander.history.chunks.brief import Brief, brief_of, pack_briefs
from rigfarm.commander.history.chunks.columns import Columns, DamagedError
from rigfarm.commander.history.model import BRIEF_OF, BRIEF_RIGS, OWNER, TABLES, Table, row_id
from rigfarm.commander.history.rollups.as_log import hour_in_brief
from rigfarm.commander.history.store import Store

__all__ = ["make_briefs"]

AT_ONCE = 100
"""Rows in one round."""


def make_briefs(
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
            _make(store, table, row)
        breathe(time.monotonic() - began)
    return len(due) > most


def _due(store: Store, most: int) -> Iterator[tuple[Table, int]]:
    """(the table that is said in brief, the row of its brief)"""
    for table, brief in BRIEF_OF.items():
        border = row_id((store.note("until_ms") or 0) // TABLES[table], 0)
        rows = store.db.execute(
            f"SELECT id FROM {brief}_due WHERE id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
            (border, most),
        ).fetchall()
        most -= len(rows)
        yield from ((table, row) for (row,) in rows)


def _make(store: Store, table: Table, row: int) -> None:
    number, first = row >> 32, (row & OWNER) * BRIEF_RIGS
    briefs: dict[int, Brief] = {}
    unread = []
    for one, body in store.between(table, row_id(number, first), row_id(number, first + BRIEF_RIGS)):
        try:
            briefs[one & OWNER] = brief_of(body) if table == "raw" else hour_in_brief(Columns(body), number)
        except DamagedError:  # begun again when it is next written
            unread.append(one & OWNER)
    if briefs or unread:
        store.put(BRIEF_OF[table], [(row, pack_briefs(briefs, unread))])
    store.db.execute(f"DELETE FROM {BRIEF_OF[table]}_due WHERE id = ?", (row,))  # noqa: S608
