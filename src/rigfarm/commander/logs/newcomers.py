"""Spools that began with logs of an earlier identity of their Sentry, as kept in the journal's file (see `doubles`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from rigfarm.common.clock import utc_ms

__all__ = ["MAX_NEWCOMERS", "read_newcomers", "write_newcomer"]

MAX_NEWCOMERS = 1_000
"""The oldest make room: their backlogs have been sent by then."""

_KEEP_NEWEST = "DELETE FROM newcomers WHERE spool NOT IN (SELECT spool FROM newcomers ORDER BY t_ms DESC LIMIT ?)"
_newest = msgspec.msgpack.Decoder(dict[int, int])


def write_newcomer(db: sqlite3.Connection, spool: bytes, newest: dict[int, int], keep_ms: int) -> None:
    """Keep one, in the caller's transaction, and forget those whose old logs the journal no longer holds."""
    now_ms = utc_ms()
    packed = msgspec.msgpack.encode(newest)
    db.execute("INSERT OR REPLACE INTO newcomers (spool, t_ms, newest) VALUES (?, ?, ?)", (spool, now_ms, packed))
    db.execute("DELETE FROM newcomers WHERE t_ms < ?", (now_ms - keep_ms,))
    db.execute(_KEEP_NEWEST, (MAX_NEWCOMERS,))


def read_newcomers(db: sqlite3.Connection, damaged: Callable[[str], None]) -> dict[bytes, dict[int, int]]:
    """All that are kept, oldest first, without damaged ones."""
    found: dict[bytes, dict[int, int]] = {}
    try:
        for spool, newest in db.execute("SELECT spool, newest FROM newcomers ORDER BY t_ms"):
            try:
                found[spool] = _newest.decode(newest)
            except (msgspec.DecodeError, TypeError) as error:
                damaged(f"a spool's beginning: {error}")
    except sqlite3.DatabaseError as error:
        damaged(f"spools' beginnings: {error}")
    return found
