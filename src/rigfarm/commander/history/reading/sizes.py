"""How large the history is, from when on it knows what, and how large it will get."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rigfarm.commander.history.model import DAY_MS, HOUR_MS, TABLES, Keep, Table, row_id
from rigfarm.commander.history.store import Reader

__all__ = ["HistorySizes", "TableSize", "sizes"]

OF_PART_MS: dict[Table, int] = dict.fromkeys(("raw", "briefs", "minutes", "minute_briefs", "minute_totals"), HOUR_MS)
"""What a day is reckoned from: the last hour that is over; of hours, the last day."""


class TableSize(Struct, frozen=True):
    """A table of figures: since when it has some, for how long they are kept, and bytes of a day at the present rate
    (None while there is no whole hour, or day, to reckon from)."""

    since_ms: int | None
    kept_days: float
    day_bytes: int | None

    @property
    def full_bytes(self) -> int | None:
        """What it will be, once it is kept for as long as it is to be."""
        return None if self.day_bytes is None else round(self.day_bytes * self.kept_days)


class HistorySizes(Struct, frozen=True):
    """Of the whole history."""

    file_bytes: int
    free_bytes: int
    """On its disk."""
    until_ms: int
    """Up to when it is written."""
    rigs: int
    tables: Mapping[Table, TableSize]

    @property
    def full_bytes(self) -> int | None:
        """What it will be, once all is kept for as long as it is to be; without what happened. None: not known yet."""
        known = [one.full_bytes for one in self.tables.values()]
        return None if self.tables["minutes"].day_bytes is None else sum(filter(None, known))

    def in_days(self, days: float) -> int | None:
        """Bytes of figures so many days from now, if the farm stays as it is."""
        if self.tables["minutes"].day_bytes is None:
            return None
        grown = 0
        for one in self.tables.values():
            had = 0.0 if one.since_ms is None else (self.until_ms - one.since_ms) / DAY_MS
            grown += round((one.day_bytes or 0) * (min(had + days, one.kept_days) - min(had, one.kept_days)))
        return self.file_bytes + grown


def sizes(reader: Reader, path: Path, keep: Keep) -> HistorySizes:
    """As they are now. Reads the rows of one hour and of one day."""
    until_ms = reader.note("until_ms") or 0
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return HistorySizes(
        file_bytes=sum(one.stat().st_size for one in files if one.exists()),
        free_bytes=shutil.disk_usage(path.parent).free,
        until_ms=until_ms,
        rigs=len(reader.rigs()),
        tables={table: _size(reader, table, until_ms, keep) for table in TABLES},
    )


def _size(reader: Reader, table: Table, until_ms: int, keep: Keep) -> TableSize:
    span_ms = TABLES[table]
    first = reader.first(table)
    since_ms = None if first is None else (first >> 32) * span_ms
    part_ms = OF_PART_MS.get(table, span_ms)
    end = until_ms // part_ms * part_ms
    day_bytes = None
    if since_ms is not None and since_ms <= end - part_ms:
        day_bytes = round(_bytes(reader, table, (end - part_ms) // span_ms, end // span_ms) * DAY_MS / part_ms)
    return TableSize(since_ms, keep.of(table) / DAY_MS, day_bytes)


def _bytes(reader: Reader, table: Table, begin: int, end: int) -> int:
    found: int = reader.db.execute(
        f"SELECT coalesce(sum(n), 0) FROM (SELECT length(body) + 12 AS n FROM {table} WHERE id >= ? AND id < ? "  # noqa: S608
        f"UNION ALL SELECT length(body) + 12 FROM {table}_open WHERE id >= ? AND id < ?)",
        (row_id(begin, 0), row_id(end, 0)) * 2,
    ).fetchone()[0]
    return found
