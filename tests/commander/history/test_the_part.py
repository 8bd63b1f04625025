"""History as a background part: beside a real journal, on a disk that may be full."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from history_helpers import a_log

from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.history import actions
from rigfarm.commander.history.actions import History
from rigfarm.commander.history.happened.recorder import Recorder
from rigfarm.commander.history.model import SLOT_MS, Keep, KnownRig
from rigfarm.commander.kinds import KindName
from rigfarm.commander.logs import Journal
from rigfarm.commander.refusals import Absent
from rigfarm.commander.supervised import Part, supervised
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode

RIGS: dict[int, KindName] = {7: "cpu-gpu"}


@asynccontextmanager
async def running(
    folder: Path, rigs: dict[int, KindName], reserve: int = 0, events: Events | None = None
) -> AsyncIterator[tuple[History, Journal, Part]]:
    """A journal and a history that follows it."""
    journal = Journal(folder / "journal.db")
    journal.open()
    journal.start()
    events = events or Events()
    history = History(
        folder / "history.db",
        journal.reader,
        lambda: rigs,
        interval_s=5.0,
        keep=Keep(),
        recorder=Recorder(events, lambda: {rig: KnownRig(kind=rigs[rig], name="a", added_ms=1) for rig in rigs}),
        reserve=reserve,
    )
    events.listen(RigRemoved, history.removed)
    part = Part("history")
    async with supervised(part, history.run), supervised(Part("what happened"), history.record):
        yield history, journal, part
    await history.close()
    await journal.close()


async def put(journal: Journal, number: int, age_ms: int = 0) -> None:
    """A log of now, or of so long ago, durable."""
    taken = journal.take(b"s" * 16, number, number)
    journal.add(b"s" * 16, taken, [7], [encode(a_log(utc_ms() - age_ms))], (number, number), lambda *_: None)
    await journal.settled()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def rigs_of(history: History) -> list[int]:
    return await history.read(lambda reader: reader.rigs())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "EVERY_S", 0.05)
    monkeypatch.setattr(actions, "RETRY_S", 0.05)
    monkeypatch.setattr(actions, "IDLE_SHARE", 0)
    monkeypatch.setattr(actions, "RECORD_S", 0.05)


async def test_what_is_durable_becomes_history(tmp_path: Path) -> None:
    async with running(tmp_path, RIGS) as (history, journal, _):
        await put(journal, 1)
        async with asyncio.timeout(30):
            while not (tmp_path / "history.db").exists() or await rigs_of(history) != [7]:
                await asyncio.sleep(0.05)


async def test_an_end_leaves_everything_in_one_file(tmp_path: Path) -> None:
    async with running(tmp_path, RIGS) as (history, journal, _):
        await put(journal, 1)
        async with asyncio.timeout(30):
            while not (tmp_path / "history.db").exists() or await rigs_of(history) != [7]:
                await asyncio.sleep(0.05)
    log = tmp_path / "history.db-wal"
    assert not log.exists() or not log.stat().st_size


async def test_a_full_disk_is_the_part_s_trouble_and_it_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SMALL_DISK", 1)  # all of the disk is reserve
    async with running(tmp_path, RIGS, reserve=1 << 62) as (history, journal, part):
        await put(journal, 1)
        await until(lambda: part.trouble is not None)
        assert "History waits" in (part.trouble or "")
        await put(journal, 2)
        assert journal.failing is None
        history._reserve = 0
        await until(lambda: part.trouble is None)
        assert await rigs_of(history) == [7]


async def test_a_removed_rig_s_history_goes(tmp_path: Path) -> None:
    rigs = dict(RIGS)
    async with running(tmp_path, rigs) as (history, journal, _):
        await put(journal, 1)
        async with asyncio.timeout(30):
            while not (tmp_path / "history.db").exists() or await rigs_of(history) != [7]:
                await asyncio.sleep(0.05)
            del rigs[7]
            history.removed(RigRemoved(7, "cpu-gpu", "rig-7"))
            while await rigs_of(history):
                await asyncio.sleep(0.05)


async def test_history_of_rigs_that_were_removed_meanwhile_goes_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path, RIGS) as (history, journal, _):
        await put(journal, 1)
        async with asyncio.timeout(30):
            while not (tmp_path / "history.db").exists() or await rigs_of(history) != [7]:
                await asyncio.sleep(0.05)
    async with running(tmp_path, {}) as (history, _, _):
        async with asyncio.timeout(30):
            while await rigs_of(history):
                await asyncio.sleep(0.05)


async def test_a_removed_rig_s_history_stays_if_it_was_kept_and_goes_when_it_is_deleted(tmp_path: Path) -> None:
    rigs, events = dict(RIGS), Events()
    async with running(tmp_path, rigs, events=events) as (history, journal, _):
        await put(journal, 1)
        await until_rigs(history, [7])
        await put(journal, 2)
        del rigs[7]
        events.publish(RigRemoved(7, "cpu-gpu", "rig-7", keep_history=True))
    async with running(tmp_path, rigs) as (history, journal, _):
        await put(journal, 3)
        await history.must_exist(7)
        assert [(one.rig, one.name) for one in await history.kept()] == [(7, "rig-7")]
        assert await rigs_of(history) == [7]
        await history.forget(7)
        await until_rigs(history, [])
        assert await history.kept() == []
        with pytest.raises(Absent):
            await history.must_exist(7)


async def test_a_file_that_is_damaged_meanwhile_is_set_aside_and_begun_again(tmp_path: Path) -> None:
    async with running(tmp_path, RIGS) as (history, journal, part):
        await put(journal, 1)
        await until_rigs(history, [7])
        corrupt = sqlite3.DatabaseError("database disk image is malformed")
        corrupt.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        real, failed = history._write_batches, []

        def fails_once() -> None:
            if not failed:
                failed.append(True)
                raise corrupt
            real()

        history._write_batches = fails_once  # type: ignore[method-assign]
        await until(lambda: bool(list(tmp_path.glob("history.db.damaged-*"))))
        await until_rigs(history, [7])
        assert part.trouble is None


async def until_rigs(history: History, wanted: list[int]) -> None:
    """Until exactly these have history."""
    async with asyncio.timeout(30):
        found = None
        while found != wanted:
            with contextlib.suppress(sqlite3.OperationalError):  # there is no file yet
                found = await rigs_of(history)
            await asyncio.sleep(0.05)


async def test_logs_are_written_in_brief_when_their_ten_minutes_are_over(tmp_path: Path) -> None:
    async with running(tmp_path, RIGS) as (history, journal, _):
        await put(journal, 1, SLOT_MS)
        async with asyncio.timeout(30):
            while await history.read(lambda reader: reader.first("briefs")) is None:
                await asyncio.sleep(0.02)
