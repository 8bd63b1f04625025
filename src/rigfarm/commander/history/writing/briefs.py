"""Logs in brief, made from those that are stored, one group of rigs and ten minutes at a time.

In the transaction that changes logs, `Store` deletes their brief and notes that it is due. Until it is made again, the
logs themselves are read. So a brief that exists is right, wherever the process ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rigfarm.commander.history.chunks.brief import Brief, brief_of, pack_briefs
from rigfarm.commander.history.chunks.columns import DamagedError
from rigfarm.commander.history.model import BRIEF_RIGS, OWNER, SLOT_MS, row_id
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
    """Make some that are due, of ten minutes that are over, the latest first; True when more are left. `breathe` is
    called with the seconds that one took, `between` between two."""
    border = row_id((store.note("until_ms") or 0) // SLOT_MS, 0)
    due = [
        row
        for (row,) in store.db.execute(
            "SELECT id FROM briefs_due WHERE id < ? ORDER BY id DESC LIMIT ?", (border, most + 1)
        )
    ]
    for row in due[:most]:
        if closing is not None and closing.is_set():
            return False
        between()
        began = time.monotonic()
        with store.transaction():
            _make(store, row)
        breathe(time.monotonic() - began)
    return len(due) > most


def _make(store: Store, row: int) -> None:
    slot, first = row >> 32, (row & OWNER) * BRIEF_RIGS
    briefs: dict[int, Brief] = {}
    unread = []
    for one, body in store.between("raw", row_id(slot, first), row_id(slot, first + BRIEF_RIGS)):
        try:
            briefs[one & OWNER] = brief_of(body)
        except DamagedError:  # begun again when it is next written
            unread.append(one & OWNER)
    if briefs or unread:
        store.put("briefs", [(row, pack_briefs(briefs, unread))])
    store.db.execute("DELETE FROM briefs_due WHERE id = ?", (row,))
