"""Statements of the spool about logs of one token, about logs put aside, and about the oldest ones."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Sequence

from rigfarm.sentry.spool.record import HELD, LOG, Record, from_row, pack

__all__ = [
    "copy_to_held",
    "delete_held",
    "drop_held",
    "first_rows",
    "forget_held",
    "held",
    "insert_held",
    "keys_of",
    "some_of",
]

_CHUNK_ROWS = 2_000
# The key of a record is its bytes 24..31; SQL counts from one.
_SOME = "SELECT seq FROM records WHERE substr(record, 25, 8) = ? ORDER BY seq LIMIT ?"
_HELD = "SELECT id, record FROM held WHERE substr(record, 25, 8) = ? ORDER BY id LIMIT ?"
_FORGET = "DELETE FROM held WHERE substr(record, 25, 8) = ?"


def some_of(db: sqlite3.Connection, key: bytes) -> list[int]:
    """Numbers of some of a token's logs, oldest first; none when it has none."""
    return [seq for (seq,) in db.execute(_SOME, (key, _CHUNK_ROWS))]


def copy_to_held(db: sqlite3.Connection, seqs: Sequence[int]) -> int:
    """Put copies of these logs aside; how many were whole."""
    found = []
    for seq in seqs:
        (blob,) = db.execute("SELECT record FROM records WHERE seq = ?", (seq,)).fetchone()
        if (record := from_row(blob)) is not None:
            found.append(record)
    return insert_held(db, found)


def insert_held(db: sqlite3.Connection, records: Sequence[Record]) -> int:
    """Put logs aside; how many."""
    db.executemany("INSERT INTO held (record) VALUES (?)", [(pack(record._replace(magic=HELD)),) for record in records])
    return len(records)


def held(db: sqlite3.Connection, key: bytes, limit: int) -> list[tuple[int, Record]]:
    """The first of a token's logs that were put aside, as logs again."""
    rows = db.execute(_HELD, (key, limit)).fetchall()
    return [(one, record._replace(magic=LOG)) for one, blob in rows if (record := from_row(blob)) is not None]


def delete_held(db: sqlite3.Connection, ids: Sequence[int]) -> int:
    """These are no longer put aside; how many were."""
    return sum(db.execute("DELETE FROM held WHERE id = ?", (one,)).rowcount for one in ids)


def forget_held(db: sqlite3.Connection, key: bytes) -> int:
    """Nothing of this token stays put aside."""
    return db.execute(_FORGET, (key,)).rowcount


def drop_held(db: sqlite3.Connection, chunk: int) -> int:
    """Delete about `chunk` bytes of the oldest that were put aside; how many logs."""
    ids = first_rows(db.execute("SELECT id, length(record) FROM held ORDER BY id"), chunk)
    return delete_held(db, ids)


def keys_of(db: sqlite3.Connection, first: int, last: int) -> Counter[bytes]:
    """How many logs each token has between two numbers, both inclusive; a damaged one does not tell."""
    rows = db.execute("SELECT record FROM records WHERE seq BETWEEN ? AND ?", (first, last))
    return Counter(record.key for (blob,) in rows if (record := from_row(blob)) is not None)


def first_rows(rows: sqlite3.Cursor, chunk: int) -> list[int]:
    """Ids of the first rows of (id, length) that hold `chunk` bytes together."""
    ids = []
    with contextlib.closing(rows):
        for one, length in rows:
            ids.append(one)
            chunk -= length or 0  # no length: damaged
            if chunk <= 0:
                break
    return ids
