"""The last hour of one rig, read from the journal.

Journal rows hold everybody's logs of a quarter of a second. An index in memory says which rows hold a rig's (4 bytes
per log and hour), so a chart decompresses only those: some 20 ms for an hour of a farm of thousands, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from rigfarm.commander.logs.journal import rigs_of_rows
from rigfarm.commander.logs.rows import DamagedRowError, Row, unpack_rigs
from rigfarm.commander.logs.store import open_reader
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import FrameError, decode_log
from rigfarm.wire.log import OperationalLog

__all__ = ["RecentRows"]

HOUR_MS = 3_600_000
TRIM_EVERY = 64
MAX_READ = 3_600
"""Logs of a rig that one reading looks into: one a second."""

_T = TypeVar("_T")


class RecentRows:
    """Which journal rows of the last hour hold which rig."""

    def __init__(self, path: Path) -> None:
        """`path` is the journal's file."""
        self._path = path
        self._rows: dict[int, array[int]] = {}
        self._times: deque[tuple[int, int]] = deque()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="charts")
        self._local = threading.local()

    async def rebuild(self, part: Part) -> None:
        """Index what the journal holds from before this start. In a thread; the pages do not wait for it."""
        since = utc_ms() - HOUR_MS
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._readers, lambda: list(rigs_of_rows(self._reader(), since)))
        newest = self._times[0][0] if self._times else None
        older = [row for row in found if newest is None or row[0] < newest]
        self._times.extendleft((row_id, t_ms) for row_id, t_ms, _ in reversed(older))
        rows: dict[int, array[int]] = {}
        for row_id, _, rigs in older:
            for rig in rigs:
                rows.setdefault(rig, array("Q")).append(row_id)
        for rig, ids in rows.items():
            self._rows[rig] = ids + self._rows.get(rig, array("Q"))

    def committed(self, row_id: int, t_ms: int, rigs: list[int]) -> None:
        """A row became durable."""
        self._times.append((row_id, t_ms))
        while self._times and self._times[0][1] < t_ms - HOUR_MS:
            self._times.popleft()
        oldest = self._times[0][0] if self._times else row_id
        rows = self._rows
        for rig in set(rigs):
            ids = rows.get(rig)
            if ids is None:
                ids = rows[rig] = array("Q")
            ids.append(row_id)
            if not len(ids) % TRIM_EVERY and ids[0] < oldest:
                del ids[: bisect_left(ids, oldest)]

    def forget(self, rig: int) -> None:
        """The rig was removed: its history is gone for readers, and leaves the file with the rows that hold it."""
        self._rows.pop(rig, None)

    async def last_hour(self, rig: int, summary: Callable[[OperationalLog], _T]) -> list[_T]:
        """A summary of the durable logs of the last hour, in order of time and each once; of more than MAX_READ some,
        evenly spread. Made in a thread, and only summaries are kept: a rig's logs may be far larger than memory."""
        ids = list(self._rows.get(rig, ()))
        since = utc_ms() - HOUR_MS
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, rig, ids, since, summary)

    def close(self) -> None:
        """End the reading threads."""
        self._readers.shutdown(wait=True, cancel_futures=True)

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = open_reader(self._path)
        return reader

    def _read(self, rig: int, ids: list[int], since: int, summary: Callable[[OperationalLog], _T]) -> list[_T]:
        found: dict[int, _T] = {}
        db = self._reader()
        counts = [self._logs_in(db, row_id, rig) for row_id in ids]
        step = max(-(-sum(counts) // MAX_READ), 1)
        skip = 0
        """Logs until the next that is read."""
        for row_id, count in zip(ids, counts, strict=True):
            if skip < count:
                found |= {log.t: summary(log) for log in _some(db, row_id, rig, skip, step) if log.t >= since}
            skip = (skip - count) % step
        return [found[t] for t in sorted(found)]

    @staticmethod
    def _logs_in(db: sqlite3.Connection, row_id: int, rig: int) -> int:
        found = db.execute("SELECT rigs FROM journal WHERE id = ?", (row_id,)).fetchone()
        with contextlib.suppress(ValueError):  # damaged: reported at the start
            return 0 if found is None else unpack_rigs(found[0]).count(rig)
        return 0


def _some(db: sqlite3.Connection, row_id: int, rig: int, skip: int, step: int) -> Iterator[OperationalLog]:
    """Every `step`th of a rig's logs in a row, after the first `skip`."""
    found = db.execute("SELECT rigs, body FROM journal WHERE id = ?", (row_id,)).fetchone()
    if found is not None:
        with contextlib.suppress(DamagedRowError):  # reported at the start
            for _, raw in islice(Row(*found).raw_logs(rig), skip, None, step):
                with contextlib.suppress(FrameError):  # of a version that this one cannot read
                    yield decode_log(raw)
