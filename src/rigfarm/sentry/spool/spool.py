"""The spool: every log is kept here until the Commander has it for good.

Logs get their numbers on the event loop and are written by a thread of the spool's own, at once and at most four times
a second: what kill -9 can take is what was recorded since the last commit began, a quarter of a second or the time a
slow disk needs. A log is handed to the link once it is durable here, or when the disk has hung for SLOW_DISK_S.

A disk that cannot be written (full, read-only, gone) stops nothing: logs are kept in memory, bounded, and sent from
there; what does not fit is dropped oldest first and counted, and the disk is tried again every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from rigfarm.common.ranges import RangeSet
from rigfarm.sentry.spool.clock import Correction
from rigfarm.sentry.spool.db import STORAGE_ERRORS, in_words
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.fit import fitting
from rigfarm.sentry.spool.meta import Dropped, Meta
from rigfarm.sentry.spool.pending import Pending
from rigfarm.sentry.spool.record import Record, token_key
from rigfarm.wire.codec import FrameError, decode_log, encode
from rigfarm.wire.log import OperationalLog

__all__ = ["COMMIT_EVERY_S", "MEMORY_BYTES", "Spool", "SpoolStats"]

log = structlog.get_logger()

_T = TypeVar("_T")

COMMIT_EVERY_S = 0.25
SLOW_DISK_S = 2.0
RETRY_S = 2.0
IDLE_FLUSH_S = 10.0
"""Acknowledged logs are deleted with the next commit, or after so long without one: disks of rigs wear out."""
FLUSH_LOGS = 1_000
MEMORY_BYTES = 4 << 20
"""Logs kept in memory while the disk cannot be written."""
BATCH_BYTES = 256 << 10
"""Of one commit: what the disk may need beyond the spool's limit for a moment."""
HURRY_BYTES = 1 << 20
"""More than this in memory is written without a pause."""
_RELEASE_LOGS = 200


class SpoolStats(NamedTuple):
    """What the spool holds at the moment."""

    logs: int
    """Not acknowledged yet."""
    bytes_on_disk: int
    limit_bytes: int
    dropped: int
    """Logs that will never arrive, since the spool was made."""
    damaged: int
    """How many of them the disk had damaged."""
    problem: str | None
    """Why logs are kept in memory, in words."""


class _Facts(NamedTuple):
    """What the loop knows of the file, as of the last thing the thread did."""

    meta: Meta
    lost: RangeSet
    void: RangeSet
    dropped: dict[bytes, Dropped]
    bytes_on_disk: int


class Spool:
    """Front of a SpoolFile on the event loop; nothing here blocks it. `path` None: kept in memory only."""

    def __init__(self, path: Path | None, limit_bytes: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self.on_recorded: Callable[[list[Record]], None] = lambda _records: None
        """Told of logs, in order, as soon as they may be sent."""
        self.on_renewed: Callable[[], None] = lambda: None
        """Told when the spool has a new identity."""
        self.sending_through = 0
        """Old logs up to this number are being sent: dropped last when the spool is full."""
        self.problem: str | None = None
        """Why logs are kept in memory, in words."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._file: SpoolFile | None = None
        self._facts = _Facts(Meta(), RangeSet(), RangeSet(), {}, 0)
        self._verified = False
        self._pending = Pending()
        self._first_seq = 1
        """The first number that this process may give out."""
        self._sent_through = 0
        self._untold: deque[Record] = deque()
        """Numbered, and not handed to the link yet: not durable, so far."""
        self._shifts: dict[int, int] = {}
        self._wake = asyncio.Event()
        self._round = asyncio.Event()
        """Replaced and set after every attempt to write."""
        self._commit: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._idle: asyncio.TimerHandle | None = None
        """Until acknowledged logs are deleted without a next commit."""
        self._closing = False

    # Life

    async def open(self) -> None:
        """Open the file, or, when that is impossible, go on in memory; then begin to write."""
        loop = asyncio.get_running_loop()
        try:
            file, facts = await loop.run_in_executor(self._thread, _opened, self.path, self.limit_bytes)
        except Exception as error:  # noqa: BLE001 - whatever is in the file, logs are kept and sent
            self._failed(error)
            file, facts = await loop.run_in_executor(self._thread, _opened, None, MEMORY_BYTES)
        self._file, self._facts = file, facts
        self._first_seq = facts.meta.next_seq
        self._shifts = dict(facts.meta.shifts)
        self._pending.begin(self._first_seq)
        self._writer = asyncio.create_task(self._keep_writing(), name="spool")

    async def close(self) -> None:
        """Write what is left, and close the file."""
        self._closing = True
        self._wake.set()
        if self._writer is not None:
            await self._writer
        if self._idle is not None:
            self._idle.cancel()
        if self._file is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    @property
    def id(self) -> bytes:
        """By which the Commander knows this spool."""
        return self._facts.meta.id

    @property
    def next_seq(self) -> int:
        """The next number to be given out."""
        return self._pending.next_seq

    def stats(self) -> SpoolStats:
        """What it holds now."""
        meta, pending = self._facts.meta, self._pending
        acked = pending.acked.size - sum(
            end - start + 1
            for gaps in (self._facts.lost, self._facts.void, pending.lost, pending.void)
            for first, last in gaps
            for start, end in pending.acked.within(first, last)
        )
        return SpoolStats(
            max(0, meta.logs + meta.held + pending.logs - acked),
            self._facts.bytes_on_disk,
            self.limit_bytes,
            meta.dropped + pending.lost.size + pending.unnumbered_drops,
            meta.dropped_damaged,
            self.problem,
        )

    # Logs in

    def append(self, token: str, operational_log: OperationalLog, epoch: int = 0) -> None:
        """Record a log."""
        body = fitting(operational_log)
        if body is None:
            log.error("a log cannot be sent, and is dropped", t=operational_log.t)
            return
        self._pending.add(token_key(token), epoch, body)
        self._bound_memory()
        self._wake.set()

    def _bound_memory(self) -> None:
        self._pending.bound(MEMORY_BYTES, committing=self._commit is not None)

    # Logs out

    async def read(self, after: int, before: int, *, max_records: int, max_bytes: int) -> tuple[list[Record], int]:
        """The oldest unacknowledged logs between two numbers, both exclusive, and the number up to which that is all.

        Nothing is read while the disk cannot be read.
        """
        if not self._verified:
            self._verified = True
            await self._try(SpoolFile.verify)
        # Taken before the file is read: what is written meanwhile is then in both, and not in neither.
        unwritten = list(self._pending.unwritten)
        found = await self._try(lambda file: file.read(after, before, max_records=max_records, max_bytes=max_bytes))
        if found is None:
            return [], after
        records, reached = found
        have = {record.seq for record in records}
        records += [one for one in unwritten if after < one.seq <= reached and one.seq not in have]
        return [record for record in records if record.seq not in self._pending.acked], reached

    @property
    def holds(self) -> bool:
        """Whether logs are put aside."""
        return self._facts.meta.held > 0

    @property
    def has_gaps(self) -> bool:
        """Whether `gaps` may return something."""
        facts, pending = self._facts, self._pending
        return any(len(ranges) for ranges in (facts.lost, facts.void, pending.lost, pending.void))

    def gaps(self) -> list[tuple[int, int, bool]]:
        """Unacknowledged ranges of numbers that will never come: first, last, whether logs were lost."""
        facts, pending = self._facts, self._pending
        found = []
        for parts, lost in (((facts.lost, pending.lost), True), ((facts.void, pending.void), False)):
            ranges = RangeSet(one for part in parts for one in part)
            for first, last in pending.acked if len(ranges) else ():
                ranges.discard(first, last)
            found += [(first, last, lost) for first, last in ranges]
        return found

    def dropped(self) -> dict[bytes, Dropped]:
        """Tokens with lost logs that the Commander does not know of."""
        found = {}
        for key in self._facts.dropped.keys() | self._pending.lost_of.keys():
            known = self._facts.dropped.get(key, Dropped(0))
            total, told = known.total + self._pending.lost_of[key], max(known.told, self._pending.told.get(key, 0))
            if total > told:
                found[key] = Dropped(total, told)
        return found

    def told(self, totals: dict[bytes, int]) -> None:
        """The Commander knows of so many lost logs of these tokens."""
        self._pending.told |= totals

    def sent(self, last: int) -> None:
        """A number left for the Commander."""
        self._sent_through = max(self._sent_through, last)

    def forgot(self, highest: int) -> bool:
        """Whether a Commander that has this number has it from a life of this spool that the file does not know of:
        it was copied, restored, or could not be written. Then new logs would be taken for old ones."""
        return highest >= self._first_seq and highest > self._sent_through

    def acked(self, first: int, last: int) -> None:
        """The Commander has these for good, or knows that they will not come."""
        self._pending.acknowledge(first, last)
        if self._pending.acked.size >= FLUSH_LOGS:
            self._wake.set()
        elif self._idle is None:
            self._idle = asyncio.get_running_loop().call_later(IDLE_FLUSH_S, self._wake.set)

    def body(self, record: Record) -> bytes:
        """The log as it is sent: with its time corrected where that was an estimate."""
        shift = self._shifts.get(record.epoch, 0) if record.epoch else 0
        if not shift:
            return record.body
        try:
            operational_log = decode_log(record.body)
        except FrameError:
            return record.body  # the Commander cannot read it either, and will say so
        operational_log.t += shift
        return encode(operational_log)

    # Facts

    async def shift(self, correction: Correction) -> None:
        """What became known of a stretch of time, and with it of those before."""
        known = {correction.epoch: correction.delta_ms}
        self._shifts |= known
        await self._try(lambda file: file.shift(correction))
        self._shifts = self._facts.meta.shifts | known

    async def renew(self) -> None:
        """Take a new identity: the Commander has seen numbers that this spool does not remember giving out."""
        await self._try(SpoolFile.renew)

    async def refuse(self, first: int, last: int) -> None:
        """Give up logs that the Commander cannot read."""
        await self._settled()
        self._pending.refuse(first, last)
        await self._try(lambda file: file.refuse(first, last))

    async def forget(self, token: str) -> None:
        """Delete every log of a token; their numbers are void."""
        key = token_key(token)
        await self._settled()
        self._pending.forget(key)
        while await self._try(lambda file: file.forget(key)):
            pass

    async def hold(self, token: str) -> None:
        """Put the logs of a refused token aside, so that those of others are not sent in a thousand pieces."""
        key = token_key(token)
        await self._settled()
        while await self._try(lambda file: file.hold(key)):
            pass

    async def release(self, token: str) -> None:
        """The token is good again: what was put aside gets new numbers, and is sent."""
        key = token_key(token)
        while held := await self._try(lambda file: file.held(key, _RELEASE_LOGS)):
            fresh = self._pending.release(held)
            self._wake.set()
            await self._settled()
            if self.problem is not None:
                return
            self.on_recorded(fresh)

    # Writing

    async def _keep_writing(self) -> None:
        while True:
            try:
                await self._write_loop()
            except Exception as error:  # noqa: BLE001 - logs must be written, whatever was wrong with one
                self._failed(error)
                if self._commit is not None and self._commit.done():
                    self._commit = None
                self._wake.set()
                if self._closing:
                    return
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _write_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closing:
            await self._work()
            started = loop.time()
            self._untold.extend(self._pending.number())
            if self._commit is None and started >= self._retry_at:
                self._commit = asyncio.create_task(self._write())
            if self._commit is not None:
                await asyncio.wait({self._commit}, timeout=SLOW_DISK_S)
                if self._commit.done():
                    self._commit.result()
                    self._commit = None
                    if self._pending.unwritten and self.problem is None:
                        self._wake.set()
                else:
                    self._commit.add_done_callback(lambda _: self._wake.set())
            self._round.set()
            self._round = asyncio.Event()
            if fresh := self._sendable():
                self.on_recorded(fresh)
            pause = started + COMMIT_EVERY_S - loop.time()
            if pause > 0 and self._pending.memory < HURRY_BYTES and not self._closing:
                await asyncio.sleep(pause)
        if self._commit is not None:
            await self._commit
        self._pending.number()
        await self._write()
        while self._pending.unwritten and self.problem is None:
            await self._write()

    async def _work(self) -> None:
        """Wait until there is something to write, or time to try again."""
        timeout = RETRY_S if self._pending.unwritten or self.problem else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        self._wake.clear()

    def _sendable(self) -> list[Record]:
        """What the link may have now: what is durable, or everything while the disk does not do its work."""
        waits = self.problem is None and self._commit is None
        before = self._pending.unwritten[0].seq if self._pending.unwritten and waits else self._pending.next_seq
        fresh = []
        while self._untold and self._untold[0].seq < before:
            record = self._untold.popleft()
            if record.seq not in self._pending.lost:
                fresh.append(record)
        return fresh

    async def _write(self) -> None:
        """One commit of everything the file does not know yet."""
        batch, keep_through = self._pending.batch(BATCH_BYTES), self.sending_through
        try:
            if not batch.empty:
                await self._in_thread(lambda file: file.commit(batch, keep_through))
        except Exception as error:  # noqa: BLE001 - they are sent from memory, and tried again
            self._failed(error)
            return
        self._pending.committed(batch)
        if self._idle is not None:
            self._idle.cancel()
            again = self._pending.acked  # meanwhile
            self._idle = asyncio.get_running_loop().call_later(IDLE_FLUSH_S, self._wake.set) if again else None
        if self.problem is not None:
            await self._recover()

    async def _recover(self) -> None:
        """A commit succeeded: all is well again, unless it went to memory only because there was no file."""
        if await self._try(self._out_of_memory) is None:
            return
        log.info("the spool is written to disk again")
        self.problem = None

    def _out_of_memory(self, file: SpoolFile) -> bool:
        """In the thread: what could only begin in memory goes on in its file, as soon as it can."""
        if file.path is None and self.path is not None:
            if self.path.exists():
                # It holds logs under another identity: they are sent after the next start.
                raise OSError("it could not be read when the Sentry started")
            file.move_to(self.path)
        return True

    async def _settled(self) -> None:
        """Wait until nothing is being written."""
        while self._commit is not None or (self._pending.unwritten and self.problem is None):
            self._wake.set()
            await self._round.wait()

    # The thread

    async def _in_thread(self, work: Callable[[SpoolFile], _T]) -> _T:
        assert self._file is not None, "open() first"
        file = self._file
        result, facts = await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: (work(file), _look(file))
        )
        renewed = facts.meta.id != self._facts.meta.id
        self._facts = facts
        if renewed:
            self.on_renewed()
        return result

    async def _try(self, work: Callable[[SpoolFile], _T]) -> _T | None:
        """None when the disk does not do it."""
        try:
            return await self._in_thread(work)
        except Exception as error:  # noqa: BLE001 - a request of the link must not end it
            self._failed(error)
            return None

    def _failed(self, error: BaseException) -> None:
        problem = in_words(error)
        if problem != self.problem:
            log.error("the spool cannot be written, the newest logs are kept in memory", reason=problem)
            if not isinstance(error, STORAGE_ERRORS):
                log.error("internal error in the Sentry, please report it", exc_info=error)
        self.problem = problem
        self._retry_at = asyncio.get_running_loop().time() + RETRY_S
        self._bound_memory()


def _look(file: SpoolFile) -> _Facts:
    return _Facts(
        file.meta.copy(), RangeSet(file.gaps.lost), RangeSet(file.gaps.void), file.gaps.dropped, file.bytes_on_disk
    )


def _opened(path: Path | None, limit_bytes: int) -> tuple[SpoolFile, _Facts]:
    file = SpoolFile(path, limit_bytes)
    return file, _look(file)
