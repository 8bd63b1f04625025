"""The last hour of one rig, read from the journal.

Journal rows hold everybody's logs of a quarter of a second. An index in memory says which rows hold a rig's (4 bytes
per log and hour), so a chart decompresses only those: some 20 ms for an hour of a farm of thousands, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from rigfarm.commander.logs.journal import Journal, rigs_of_rows
from rigfarm.commander.logs.rows import DamagedRowError, Row
from rigfarm.commander.supervised import Part
from rigfarm.wire.log import OperationalLog

__all__ = ["RecentRows"]

HOUR_MS = 3_600_000
TRIM_EVERY = 64


class RecentRows:
    """Which journal rows of the last hour hold which rig."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[int, array[int]] = {}
        self._times: deque[tuple[int, int]] = deque()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="charts")
        self._local = threading.local()

    async def rebuild(self, part: Part) -> None:
        """Index what the journal holds from before this start. In a thread; the pages do not wait for it."""
        since = time.time_ns() // 1_000_000 - HOUR_MS
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

    async def last_hour(self, rig: int) -> list[OperationalLog]:
        """The durable logs of the last hour, in order of time and each once."""
        ids = list(self._rows.get(rig, ()))
        since = time.time_ns() // 1_000_000 - HOUR_MS
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, rig, ids, since)

    def close(self) -> None:
        """End the reading threads."""
        self._readers.shutdown(wait=True, cancel_futures=True)

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._journal.reader()
        return reader

    def _read(self, rig: int, ids: list[int], since: int) -> list[OperationalLog]:
        logs: dict[int, OperationalLog] = {}
        db = self._reader()
        for row_id in ids:
            found = db.execute("SELECT rigs, body FROM journal WHERE id = ?", (row_id,)).fetchone()
            if found is not None:
                with contextlib.suppress(DamagedRowError):  # reported at the start
                    logs |= {log.t: log for _, log in Row(*found).logs(rig) if log.t >= since}
        return [logs[t] for t in sorted(logs)]
