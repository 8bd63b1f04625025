"""The last hour of one rig, read from the journal.

Journal rows hold everybody's logs of a quarter of a second. An index in memory says which rows hold a rig's (4 bytes
per log and hour), so a chart decompresses only those: some 20 ms for an hour of a farm of thousands, in a thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from array import array
from bisect import bisect_left
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field

from rigfarm.commander.logs.journal import Journal, rigs_of_rows
from rigfarm.commander.logs.rows import Row
from rigfarm.wire.log import OperationalLog

__all__ = ["Chart", "RecentRows", "point_of"]

HOUR_MS = 3_600_000
TRIM_EVERY = 64


class Point(Struct, frozen=True):
    """One moment on the charts. H/s by coin, °C, W; unknown is absent."""

    t: int
    hashrates: dict[str, float]
    hottest_c: float | None
    power_w: float | None


class Chart(Struct):
    """Parallel columns, ascending in time (UTC ms); `None` is a gap."""

    t: list[int] = field(default_factory=list)
    hashrates: dict[str, list[float | None]] = field(default_factory=dict)
    hottest_c: list[float | None] = field(default_factory=list)
    power_w: list[float | None] = field(default_factory=list)


def point_of(log: OperationalLog) -> Point:
    """What the charts show of a log. Numbers that cannot be are unknown."""
    hashrates: dict[str, float] = {}
    for workload in log.workloads:
        rate = workload.hashrate
        if rate is not None and 0.0 <= rate < 1e24:
            coin = workload.coin or workload.algorithm or "?"
            hashrates[coin] = hashrates.get(coin, 0.0) + rate
    devices = log.devices
    hottest = None
    for column in (devices.core_c, devices.memory_c, devices.chip_c):
        for value in column:
            if value is not None and -60.0 < value < 250.0 and (hottest is None or value > hottest):
                hottest = value
    power = log.power_w
    return Point(log.t, hashrates, hottest, power if power is not None and 0.0 <= power < 1e7 else None)


def chart_of(points: list[Point]) -> Chart:
    """Columns from points, in order of time and each moment once."""
    unique = {point.t: point for point in points}
    ordered = [unique[t] for t in sorted(unique)]
    coins = sorted({coin for point in ordered for coin in point.hashrates})
    return Chart(
        t=[point.t for point in ordered],
        hashrates={coin: [point.hashrates.get(coin) for point in ordered] for coin in coins},
        hottest_c=[point.hottest_c for point in ordered],
        power_w=[point.power_w for point in ordered],
    )


class RecentRows:
    """Which journal rows of the last hour hold which rig."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[int, array[int]] = {}
        self._times: deque[tuple[int, int]] = deque()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="charts")
        self._local = threading.local()

    async def rebuild(self) -> None:
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

    async def last_hour(self, rig: int) -> Chart:
        """Charts of the last hour, from durable logs only."""
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

    def _read(self, rig: int, ids: list[int], since: int) -> Chart:
        points: list[Point] = []
        db = self._reader()
        for row_id in ids:
            found = db.execute("SELECT rigs, body FROM journal WHERE id = ?", (row_id,)).fetchone()
            if found is not None:
                points += [point_of(log) for _, log in Row(*found).logs(rig) if log.t >= since]
        return chart_of(points)
