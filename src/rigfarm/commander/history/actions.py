"""History as a part of the Commander: it reads on in the journal in a thread of its own, and answers readers in others.

The thread takes at most half of a core, and, once it has caught up, a twentieth: a farm of a few rigs is read every
half minute, one of ten thousand every ten minutes. While the disk is nearly full it waits, long before the journal has
to, and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from rigfarm.commander.changes import describe
from rigfarm.commander.events import RigRemoved
from rigfarm.commander.history.happened import recorder as recording
from rigfarm.commander.history.happened.facts import Happened
from rigfarm.commander.history.happened.recorder import Batch, Recorder
from rigfarm.commander.history.happened.rows import Kept, between, kept
from rigfarm.commander.history.happened.seldom import Seldom
from rigfarm.commander.history.model import SLOT_MS, Keep
from rigfarm.commander.history.reading.course import Buckets, Course, Line
from rigfarm.commander.history.reading.of_farm import lines_of_farm
from rigfarm.commander.history.reading.of_rig import lines_of_rig
from rigfarm.commander.history.reading.ranges import Floors, TimeRange, resolution_of
from rigfarm.commander.history.reading.sizes import HistorySizes, sizes
from rigfarm.commander.history.reading.then import FarmThen, farm_then
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.store import Reader, Store, damaged, set_aside
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.commander.history.writing.retention import Retention, forget
from rigfarm.commander.history.writing.step import Done, Ended, Step
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.units import size

__all__ = ["History", "HistoryUnavailable"]

log = structlog.get_logger()

EVERY_S = 30.0
SELDOM_S = 600.0
IDLE_SHARE = 20
"""After a round it rests so many times as long as it worked."""
ALIGNED_S = 60.0
"""A longer rest ends when ten minutes of logs are complete, so that they are read once."""
SETTLE_S = 5.0
"""Logs of the ten minutes that just ended arrive until so long after."""
RETRY_S = 10.0
RECORD_S = 1.0
"""What happened is written after so long."""
BEAT_S = 10.0
"""How exactly it is known until when the Commander ran."""
MAX_BATCHES = 3
"""What happened, on its way to the thread that writes."""
SMALL_DISK = 20
"""The reserve is at most this part of the disk."""
LAST_WORDS_S = 2.0
LOOK_S = 0.02
RESERVE = 256 << 20
"""Bytes that are left to the journal and the database."""
READERS = 2
OFF = 'History is switched off on this Commander: set `history = "on"` to collect it from now on.'

_T = TypeVar("_T")


class HistoryUnavailable(Refusal):
    """It cannot be read at the moment."""

    status = 503


class History:
    """All methods are called on the event loop unless they say otherwise."""

    def __init__(
        self,
        path: Path,
        journal: Callable[[], sqlite3.Connection],
        rigs: Callable[[], Mapping[int, KindName]],
        *,
        interval_s: float,
        keep: Keep,
        recorder: Recorder | None = None,
        reserve: int = RESERVE,
        on: bool = True,
        share: Callable[[Batch], Awaitable[list[Batch]]] | None = None,
        ready: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`journal` makes a connection that reads the journal; `rigs` are those that there are, and their kinds;
        `recorder` has what happens to them. Not `on`: nothing is written, nothing can be read.

        `share` gives the replicas what happened, and returns it numbered; OSError while it cannot. `ready`, on a
        replica that follows, is awaited before each round, and returns the row of the journal up to which all rigs are
        known."""
        self.path = path
        self.keep = keep
        self.on = on
        self.recorder = recorder
        self.pace = Pace(interval_s)
        self.untimely = 0
        """Logs that came too late for the history, or from the future, since the start."""
        self.until_ms: int | None = None
        """Logs that arrived until then (UTC ms) are in the history; None before the first round."""
        self._journal = journal
        self._rigs = rigs
        self._reserve = reserve
        self._removed: set[int] = set()
        self._share = share
        self._sharing = asyncio.Lock()
        self._unshared: Batch | None = None
        self._ready = ready
        self._closing = threading.Event()
        self._beats = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="history-reader")
        self._local = threading.local()
        self._seldom = Seldom()
        self._batches: deque[Batch] = deque()
        self._generation = 0
        """Grows when the file is another one."""
        self._store: Store | None = None
        self._source: sqlite3.Connection | None = None
        self._retention: Retention | None = None

    # What the Commander does

    async def run(self, part: Part) -> None:
        """Read on until cancelled."""
        known = False
        while not self._closing.is_set():
            gone, self._removed = self._removed, set()
            recorder = self.recorder
            try:
                upto = await self._ready() if self._ready is not None else None
                rigs = dict(self._rigs())
                if recorder is not None and recorder.waiting and len(self._batches) < MAX_BATCHES:
                    await self._take(recorder)  # whose history was kept, for example
                every = not known and upto is None and not (recorder is not None and recorder.waiting)
                done = await self._work(part, partial(self._round, rigs, gone, upto, every=every))
            except (sqlite3.DatabaseError, OSError) as error:
                self._removed |= gone
                await self._failed(part, error)
                known = False
                continue
            known = known or every
            if part.trouble is not None:
                log.info("history is written again")
                part.trouble = None
            self.untimely += done.untimely
            if not done.more:
                await self._rest(part, _pause(done.worked_s))

    async def record(self, part: Part) -> None:
        """Write what happened, soon after it did, until cancelled."""
        recorder = self.recorder
        assert recorder is not None
        written = 0.0
        while not self._closing.is_set():
            try:
                if (recorder.waiting or time.monotonic() - written >= BEAT_S) and len(self._batches) < MAX_BATCHES:
                    await self._take(recorder)
                    written = time.monotonic()
                if self._batches:
                    await self._work(part, self._write_batches)
                    part.trouble = None
            except (sqlite3.DatabaseError, OSError) as error:
                await self._failed(part, error)
                continue
            await self._rest(part, RECORD_S)

    async def _take(self, recorder: Recorder) -> None:
        """What happened, on to the thread that writes; the replicas have it before. OSError while they cannot."""
        if self._share is None:
            self._batches.append(recorder.take())
            return
        async with self._sharing:
            batch = self._unshared = self._unshared or recorder.take()
            self._batches += await self._share(batch)
            self._unshared = None

    async def copied(self, batch: Batch) -> None:
        """Write what happened on the replica that leads, between two transactions of what is under way. sqlite3.Error,
        OSError; it can be given again then."""
        self._removed |= batch.removed.keys() - {one.rig for one in batch.kept}
        if all(one.number != batch.number for one in self._batches):
            self._batches.append(batch)
        writing = self._writer.submit(self._write_batches)
        while any(one.number == batch.number for one in tuple(self._batches)):
            if writing.done():
                writing.result()
            await asyncio.sleep(LOOK_S)

    def hurry(self) -> None:
        """A round that is under way ends soon; it is repeated by whoever opens the file next."""
        self._closing.set()

    async def copied_up_to(self) -> int | None:
        """The message of the replicas' stream up to which everything that happened is written; None: not known."""
        return await asyncio.wrap_future(self._writer.submit(lambda: self._opened().note(recording.STREAM)))

    def removed(self, event: RigRemoved) -> None:
        """A rig was removed, and so is its history, with the next round."""
        if not event.keep_history:
            self._removed.add(event.rig_id)

    async def kept(self) -> list[Kept]:
        """Removed rigs whose history was kept. HistoryUnavailable."""
        return await self.ask(kept)

    async def forget(self, rig: int) -> None:
        """Delete the history of a removed rig after all, with the next round. Absent where none is kept."""
        if rig not in {one.rig for one in await self.kept()}:
            raise Absent(f"No history of a removed rig {rig} is kept.")
        self._removed.add(rig)
        describe(rig=rig)

    async def read(self, question: Callable[[Reader], _T]) -> _T:
        """Ask something in a reading thread, of one moment of the history. sqlite3.Error where it cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._ask, question)

    async def must_exist(self, rig: int) -> None:
        """Absent for a rig that there is not, and whose history was not kept."""
        if rig not in self._rigs() and (not self.on or rig not in {one.rig for one in await self.kept()}):
            raise Absent(f"Rig {rig} does not exist.")

    async def of_rig(
        self, rig: int, span: TimeRange, resolution: int | None = None, *, devices: bool = False
    ) -> Course:
        """How a rig went; `devices`: and each of its devices. HistoryUnavailable where nothing can be read."""
        lines = partial(lines_of_rig, rig=rig, devices=devices, pace=self.pace)
        return await self._course(span, resolution, lines, fine=True)

    async def of_farm(
        self, span: TimeRange, resolution: int | None = None, kinds: Iterable[KindName] = KINDS, coin: str | None = None
    ) -> Course:
        """How rigs of these kinds went together; of one coin or of all. HistoryUnavailable where nothing can be
        read."""
        return await self._course(span, resolution, partial(lines_of_farm, kinds=list(kinds), coin=coin))

    async def then(self, t_ms: int, rigs: Collection[int] | None = None, *, brief: bool = False) -> FarmThen:
        """How the farm was at a time, or some rigs; see `farm_then`. HistoryUnavailable."""
        return await self.ask(lambda reader: farm_then(reader, t_ms, self.pace, rigs, brief=brief, seldom=self._seldom))

    async def sizes(self) -> HistorySizes:
        """How large it is, and will be. HistoryUnavailable."""
        return await self.ask(lambda reader: sizes(reader, self.path, self.keep))

    async def happened(
        self,
        span: TimeRange,
        rigs: Sequence[int] | None = None,
        what: Sequence[str] = ("state", "moment"),
        most: int = 1_000,
    ) -> list[Happened]:
        """What happened in a range of time, oldest first; at most the newest `most`. HistoryUnavailable."""
        return await self.ask(lambda reader: between(reader, span.from_ms, span.to_ms, rigs=rigs, what=what, most=most))

    async def _course(
        self, span: TimeRange, asked: int | None, lines: Callable[..., list[Line]], *, fine: bool = False
    ) -> Course:
        def question(reader: Reader) -> Course:
            raw_ms = (reader.note("raw_floor_ms") or 0) if fine else None
            floors = Floors(reader.note("minutes_floor_ms") or 0, raw_ms, self.pace.interval_s)
            resolution = resolution_of(span, asked, floors)
            buckets = Buckets(span, resolution, reader.note("until_ms") or 0)
            return Course(
                from_ms=span.from_ms,
                to_ms=span.to_ms,
                resolution_s=resolution,
                t=buckets.t,
                lines=lines(reader, buckets=buckets),
                until_ms=buckets.until_ms,
            )

        return await self.ask(question)

    async def ask(self, question: Callable[[Reader], _T]) -> _T:
        """The same as `read`, for what people see: HistoryUnavailable where nothing can be read."""
        if not self.on:
            raise HistoryUnavailable(OFF)
        try:
            return await self.read(question)
        except sqlite3.Error as error:
            raise HistoryUnavailable(f"History cannot be read at the moment: {error}. Try again later.") from None

    async def close(self) -> None:
        """End what is under way; it is repeated at the next start. What happened is written first."""
        self._closing.set()
        if self.on and self.recorder is not None:
            try:
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._take(self.recorder)
            except OSError as error:  # as is a TimeoutError
                log.error("what happened last could not be given to the replicas", error=repr(error))
                if self._unshared is not None:
                    self._batches.append(self._unshared)
        self._readers.shutdown(wait=False, cancel_futures=True)
        await asyncio.get_running_loop().run_in_executor(self._writer, self._shut)
        self._writer.shutdown(wait=False)

    # On the way

    async def _work(self, part: Part, work: Callable[[], _T]) -> _T:
        """Run in the writer's thread; it gives signs of life while it goes on."""
        running = asyncio.wrap_future(self._writer.submit(work))
        try:
            beats = -1
            while not running.done():
                if beats != self._beats:
                    part.beat()
                beats = self._beats
                await asyncio.wait({running}, timeout=0.5)
            part.beat()
            return running.result()
        finally:
            running.cancel()

    async def _rest(self, part: Part, seconds: float) -> None:
        part.idle()
        await asyncio.sleep(seconds)
        part.beat()

    async def _failed(self, part: Part, error: Exception) -> None:
        if isinstance(error, sqlite3.DatabaseError) and damaged(error):
            await self._work(part, partial(self._begin_again, error))
        elif isinstance(error, OSError | sqlite3.OperationalError):
            self._fails(part, error)
        else:
            raise error
        await self._rest(part, RETRY_S)

    def _fails(self, part: Part, error: Exception) -> None:
        if part.trouble is None:
            log.error("history cannot be written; it catches up when it can", error=repr(error))
        part.trouble = str(error) or type(error).__name__

    # In the writer's thread

    def _round(self, rigs: Mapping[int, KindName], gone: set[int], upto: int | None, *, every: bool) -> Done:
        """One step, to the row `upto` at most, and what is due besides. `every`: look for all rigs that are no more."""
        began = time.thread_time()  # a busy machine does not make it rest longer
        self._needs_space()
        store = self._opened()
        self._write_batches()
        if every:
            gone = gone | (set(store.rigs()) - rigs.keys() - {one.rig for one in kept(store)})
        forget(store, gone, utc_ms())
        rigs = {one.rig: one.kind for one in kept(store)} | dict(rigs)
        assert self._retention is not None
        assert self._source is not None
        left = self._retention.run()
        step = Step(
            store,
            self._source,
            self.pace,
            closing=self._closing,
            on_progress=self._progress,
            between=self._write_batches,
        )
        try:
            done = step.take(rigs, upto)
        except Ended:
            done = Done()
        if not done.more and not self._closing.is_set():
            left |= make_derived(store, closing=self._closing, breathe=self._breathe, between=self._write_batches)
        done.more = done.more or left
        done.worked_s = time.thread_time() - began
        self.until_ms = store.note("until_ms") or self.until_ms
        return done

    def _needs_space(self) -> None:
        disk = shutil.disk_usage(self.path.parent)
        if disk.free < min(self._reserve, disk.total // SMALL_DISK):
            raise OSError(
                f"Only {size(disk.free)} are free on the disk of {self.path.parent}. History waits and leaves the rest "
                "to the journal. Free some space."
            )

    def _write_batches(self) -> None:
        while self._batches:
            self._needs_space()
            recording.write(self._opened(), self._batches[0])
            self._batches.popleft()

    def _begin_again(self, error: Exception) -> None:
        """The file is damaged: it is kept under another name, and what the journal still has is read again."""
        self._shut()
        self._store = self._source = self._retention = None
        log.error("history was damaged and is begun again", why=set_aside(self.path, error))
        self._generation += 1

    def _shut(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):
            if self._closing.is_set():
                self._write_batches()
        if self._store is not None:
            self._store.close()
        if self._source is not None:
            self._source.close()

    def _breathe(self, took_s: float) -> None:
        self._progress()
        time.sleep(took_s)

    def _progress(self) -> None:
        self._beats += 1

    def _opened(self) -> Store:
        if self._store is None:
            store = Store(self.path)
            if store.damage:
                log.error("history was damaged and is begun again", why=store.damage)
            self._retention = Retention(store, self.keep)
            self._source = self._journal()
            self._store = store
        return self._store

    # In a reading thread

    def _ask(self, question: Callable[[Reader], _T]) -> _T:
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is not None and self._local.generation != self._generation:
            del self._local.reader
            reader.close()
            reader = None
        if reader is None:
            self._local.generation = self._generation
            reader = self._local.reader = Reader.open(self.path)
        try:
            with reader.moment():
                return question(reader)
        except sqlite3.DatabaseError:
            del self._local.reader
            with contextlib.suppress(sqlite3.Error):
                reader.close()
            raise


def _pause(took_s: float) -> float:
    """How long to rest after a round."""
    rest = min(max(took_s * IDLE_SHARE, EVERY_S), SELDOM_S)
    if rest <= ALIGNED_S:
        return rest
    slot_s = SLOT_MS / 1000
    return max(slot_s - (time.time() - SETTLE_S) % slot_s, EVERY_S)
