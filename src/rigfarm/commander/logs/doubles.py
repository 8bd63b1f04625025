"""Logs that come a second time under another spool identity.

A Sentry whose disk was restored takes a new identity and sends its backlog again under it: by spool and number these
are new logs. So when a spool is unknown though logs of its rigs are stored, its logs up to the newest of those are
compared, by rig and time, with what the journal holds. Only a spool like that costs anything, and no log is lost by it:
what cannot be compared, because there is too much to read, is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import structlog

from rigfarm.commander.logs.journal import Journal
from rigfarm.commander.logs.rows import DamagedRowError, Row, unpack_rigs
from rigfarm.wire.log import OperationalLog

__all__ = ["Doubles", "Newcomer", "UncheckedError"]

log = structlog.get_logger()

READ_S = 12.0
"""Of reading for one spool, after which the rest of its old logs is stored unchecked; half of it is spent waiting."""
READS_AN_HOUR = 6
"""Per rig."""
MAX_WAITING = 50
"""Spools that wait for their reading; further ones are stored unchecked."""
MAX_KNOWN = 500_000
"""Times that one reading remembers, 8 bytes each."""
MAX_READ = 8
"""Newcomers whose reading is remembered, so that a link that breaks costs no other one."""
ROWS_AT_ONCE = 200
CLOCKS_MS = 60_000
"""A log's time may be so much later than that of the row that holds it."""


class _Time(msgspec.Struct, array_like=True, gc=False):
    t: int


_time = msgspec.msgpack.Decoder(_Time)


class UncheckedError(Exception):
    """A frame holds logs that have to be compared first, the oldest being of this time."""

    def __init__(self, rigs: set[int], since: int) -> None:
        super().__init__(f"logs since {since}")
        self.rigs = rigs
        self.since = since


class Newcomer:
    """A spool that was unknown when its Sentry connected, though logs of its rigs are stored."""

    __slots__ = ("known", "newest", "since", "spool")

    def __init__(self, spool: bytes, newest: dict[int, int]) -> None:
        self.spool = spool
        self.newest = newest
        """When the newest stored log of each rig was from, UTC ms: later ones cannot be stored already."""
        self.since: float | None = None
        """Since when `known` is complete; None: nothing was read yet."""
        self.known: dict[int, array[int]] = {}
        """Times of stored logs, ascending, by rig."""

    def doubles(self, rigs: Sequence[int | None], logs: Sequence[OperationalLog]) -> set[int]:
        """Positions of logs that are stored already. UncheckedError when that has to be found out first."""
        newest = self.newest
        old = [i for i, rig in enumerate(rigs) if rig is not None and rig in newest and logs[i].t <= newest[rig]]
        if not old:
            return set()
        since = min(logs[i].t for i in old)
        if self.since is None or since < self.since:
            raise UncheckedError({rig for i in old if (rig := rigs[i]) is not None}, since)
        return {i for i in old if self._stored(rigs[i], logs[i].t)}

    def _stored(self, rig: int | None, t: int) -> bool:
        times = self.known.get(rig) if rig is not None else None
        if times is None:
            return False
        at = bisect_left(times, t)
        return at < len(times) and times[at] == t


class Doubles:
    """Reads for newcomers what the journal holds of their rigs, one newcomer at a time."""

    def __init__(self, journal: Journal, on_unchecked: Callable[[set[int]], None] = lambda rigs: None) -> None:
        """`on_unchecked` is called with the rigs whose old logs are stored although they may be there already."""
        self.on_unchecked = on_unchecked
        self._journal = journal
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="doubles")
        self._waiting = 0
        self._reads: dict[int, list[float]] = {}
        self._read_for: dict[bytes, Newcomer] = {}

    def newcomer(self, spool: bytes, newest: Callable[[], dict[int, int]]) -> Newcomer | None:
        """Whether a Sentry's spool is one; `newest` yields the time of the newest log of each of its rigs."""
        if spool in self._read_for:
            return self._read_for[spool]
        remembered = self._journal.newcomers.get(spool)
        if remembered is not None:
            return Newcomer(spool, remembered)
        if self._journal.knows(spool):
            return None
        found = newest()
        return Newcomer(spool, found) if found else None

    async def learn(self, newcomer: Newcomer, unchecked: UncheckedError) -> None:
        """Read what is stored since then; afterwards the newcomer can tell doubles."""
        if self._waiting >= MAX_WAITING or not self._may_read(unchecked.rigs):
            self._give_up(newcomer, unchecked.rigs)
            return
        self._waiting += 1
        try:
            await self._journal.settled()
            await self._journal.remember_newcomer(newcomer.spool, newcomer.newest)
            read = partial(self._read, newcomer.newest, unchecked.since)
            newcomer.known, complete = await asyncio.get_running_loop().run_in_executor(self._reader, read)
            newcomer.since = unchecked.since
            self._read_for[newcomer.spool] = newcomer
            while len(self._read_for) > MAX_READ:
                del self._read_for[next(iter(self._read_for))]
        except (sqlite3.Error, OSError, MemoryError) as error:
            log.error("the journal could not be searched for logs that come again", error=repr(error))
            complete = False
            newcomer.since = float("-inf")
        finally:
            self._waiting -= 1
        if not complete:
            self.on_unchecked(unchecked.rigs)

    def close(self) -> None:
        """End the reading thread."""
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _may_read(self, rigs: set[int]) -> bool:
        now = time.monotonic()
        for rig in rigs:
            recent = [at for at in self._reads.get(rig, ()) if at > now - 3600]
            if len(recent) >= READS_AN_HOUR:
                return False
            self._reads[rig] = [*recent, now]
        return True

    def _give_up(self, newcomer: Newcomer, rigs: set[int]) -> None:
        newcomer.since = float("-inf")
        self.on_unchecked(rigs)

    # In the reading thread

    def _read(self, newest: dict[int, int], since: int) -> tuple[dict[int, array[int]], bool]:
        """Times of the rigs' stored logs, and whether that are all of them."""
        wanted = frozenset(newest)
        known = {rig: array("q") for rig in wanted}
        give_up = time.monotonic() + READ_S
        count = 0
        complete = True
        with contextlib.closing(self._journal.reader()) as db:
            (row_id,) = db.execute("SELECT min(id) - 1 FROM journal WHERE t_ms >= ?", (since - CLOCKS_MS,)).fetchone()
            while complete and row_id is not None:
                began = time.monotonic()
                rows = db.execute(_ROWS, (row_id, ROWS_AT_ONCE)).fetchall()
                row_id = rows[-1][0] if rows else None
                for _, rigs, body in rows:
                    count += _add_times(known, wanted, rigs, body)
                took = time.monotonic() - began
                complete = count <= MAX_KNOWN and began + 2 * took < give_up
                time.sleep(took)  # the interpreter belongs to the loop for as long as it belonged to this
        return {rig: array("q", sorted(times)) for rig, times in known.items()}, complete


_ROWS = "SELECT id, rigs, body FROM journal WHERE id > ? ORDER BY id LIMIT ?"


def _add_times(known: dict[int, array[int]], wanted: frozenset[int], rigs: bytes, body: bytes) -> int:
    """Add the times of one row's logs; returns how many."""
    count = 0
    try:
        if wanted.isdisjoint(unpack_rigs(rigs)):
            return 0
        for rig, raw in Row(rigs, body).raw_logs():
            if rig in wanted:
                known[rig].append(_time.decode(raw).t)
                count += 1
    except (DamagedRowError, msgspec.DecodeError, ValueError, OverflowError):
        pass  # damaged: reported at the start
    return count
