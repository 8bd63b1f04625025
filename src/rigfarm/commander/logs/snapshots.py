"""Snapshots: which numbers were taken, and the state of the stats, as of a journal row. With them a start reads a
minute of rows and not two days."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import msgspec
import structlog
import zstandard

from rigfarm.commander.logs.seen import Seen

__all__ = ["Snapshot", "Taken", "packed", "read_snapshots", "write_snapshot"]

log = structlog.get_logger()

Taken = dict[bytes, list[tuple[int, int]]]
"""Ranges of sequence numbers, by spool."""

MAX_PART = 1 << 30
_taken = msgspec.msgpack.Decoder(Taken)


class Snapshot(msgspec.Struct):
    """What a start begins with."""

    journal_id: int
    state: bytes
    """What `Journal.state` returned then; opaque here."""
    seen: dict[bytes, Seen]


def packed(taken: Taken, state: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """Both parts as they are stored. A spool whose numbers fit into no integer of the format is left out."""
    try:
        marks = msgspec.msgpack.encode(taken)
    except OverflowError:
        marks = msgspec.msgpack.encode({spool: ranges for spool, ranges in taken.items() if _fits(ranges)})
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    return compressor.compress(marks), compressor.compress(state())


def _fits(ranges: list[tuple[int, int]]) -> bool:
    return not ranges or (ranges[0][0] >= 0 and ranges[-1][1] < 1 << 64)


def write_snapshot(db: sqlite3.Connection, t_ms: int, row_id: int, parts: tuple[bytes, bytes]) -> None:
    """Store it, in the caller's transaction, and keep the one before it."""
    db.execute("INSERT INTO snapshots (t_ms, journal_id, marks, state) VALUES (?, ?, ?, ?)", (t_ms, row_id, *parts))
    db.execute("DELETE FROM snapshots WHERE id < (SELECT max(id) - 1 FROM snapshots)")


def read_snapshots(db: sqlite3.Connection) -> Iterator[Snapshot | str]:
    """The snapshots, newest first; of one that cannot be read, why."""
    rows = db.execute("SELECT journal_id, marks, state FROM snapshots ORDER BY id DESC")
    try:
        for journal_id, marks, state in rows:
            yield _read(journal_id, marks, state)
    except sqlite3.DatabaseError as error:
        yield f"snapshots: {error}"


def _read(journal_id: int, marks: bytes, state: bytes) -> Snapshot | str:
    decompress = zstandard.ZstdDecompressor().decompress
    try:
        taken = _taken.decode(decompress(marks, max_output_size=MAX_PART))
        seen = {spool: Seen(ranges) for spool, ranges in taken.items()}
        return Snapshot(journal_id, decompress(state, max_output_size=MAX_PART), seen)
    except (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError, MemoryError) as error:
        return f"snapshot of row {journal_id}: {error}"
