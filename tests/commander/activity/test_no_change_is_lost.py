"""A change that has happened is in the activity, also when the database refuses its entry for a while."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy.exc import OperationalError
from trail import change, made, opened, verdict

from rigfarm.commander.activity import Activity, Keep, actions, store
from rigfarm.commander.activity.chain.pending import Left, read_pending, write_pending
from rigfarm.commander.activity.model import Entry, Query, draft_of, range_count, ranges, unranged
from rigfarm.commander.changes import Actor
from rigfarm.commander.events import Events, TokenRefused
from rigfarm.commander.live import Hub
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part, supervised
from support.until import until


class Full:
    """A database that refuses to be written to, until it has room again."""

    def __init__(self, activity: Activity) -> None:
        self.full = True
        storage: Any = activity._storage
        self._begin = storage.begin
        storage.begin = self.begin

    @asynccontextmanager
    async def begin(self, **more: Any) -> AsyncIterator[Any]:
        if self.full:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        async with self._begin(**more) as tx:
            yield tx


async def test_what_is_answered_is_in_the_table(tmp_path: Path) -> None:
    async with opened(tmp_path) as activity, supervised(Part("activity"), activity.run):
        await activity.record(change(1))
        assert [entry.id for entry in await activity.entries(Query(), 10)] == [1]


async def test_a_refused_entry_is_kept_in_a_file_and_written_later(tmp_path: Path) -> None:
    part = Part("activity")
    async with opened(tmp_path) as activity:
        database = Full(activity)
        async with supervised(part, activity.run):
            await activity.record(change(1))
            assert part.trouble is not None
            assert "rename rig" in (tmp_path / "activity.pending").read_text()
            database.full = False
            await until(lambda: not (tmp_path / "activity.pending").exists(), "the entry is in the database")
            await until(lambda: part.trouble is None, "the part works again")
        assert [entry.id for entry in await activity.entries(Query(), 10)] == [1]
    assert (await verdict(tmp_path)).wrong == ""


async def test_the_next_start_writes_what_was_left(tmp_path: Path) -> None:
    await made(tmp_path, 2)
    async with opened(tmp_path) as activity:
        Full(activity)
        activity.note(change(3))
        await activity.flush()
    async with opened(tmp_path) as activity:
        await activity.flush()
        assert [entry.id for entry in await activity.entries(Query(), 10)] == [3, 2, 1]
    assert (await verdict(tmp_path)).wrong == ""


async def test_what_comes_while_the_file_is_written_is_in_it_before_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, written = slow_file(monkeypatch)
    async with opened(tmp_path) as activity:
        database = Full(activity)
        monkeypatch.setattr(actions, "WAIT_S", 0.0)
        first = asyncio.create_task(activity.record(change(1)))
        await until(begun.is_set, "the first is being written")
        second = asyncio.create_task(activity.record(change(2)))
        first.cancel()
        await asyncio.wait([second], timeout=0.2)  # it has to wait for the first, although nobody waits for that
        go_on.set()
        await second
        await until(lambda: len(written) == 2, "both were written")
        assert numbers_in_file(tmp_path) == ["1", "2"]
        database.full = False
        await activity.flush()
        assert numbers_in_file(tmp_path) == []
    assert await numbers(tmp_path) == ["1", "2"]


async def test_what_is_not_in_the_file_is_not_answered_with_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, _ = slow_file(monkeypatch)
    async with opened(tmp_path) as activity:
        database = Full(activity)
        activity.note(change(1))
        first = asyncio.create_task(activity.flush())
        await until(begun.is_set, "the first is being written")
        second = asyncio.create_task(activity.record(change(2)))
        await until(lambda: len(activity._pending) == 2, "the second waits")
        go_on.set()
        await first
        assert (numbers_in_file(tmp_path), activity._pending[1].stored.done()) == (["1"], False)
        database.full = False
        await activity.flush()
        await second
    assert await numbers(tmp_path) == ["1", "2"]


def slow_file(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event, list[Left]]:
    """Set when the file begins to be written for the first time; to be set so that it is; what was written."""
    begun, go_on = threading.Event(), threading.Event()
    written: list[Left] = []

    def slow(data_dir: Path, left: Left) -> None:
        if not begun.is_set():
            begun.set()
            go_on.wait(60)
        write_pending(data_dir, left)
        written.append(left)

    monkeypatch.setattr(actions, "write_pending", slow)
    return begun, go_on, written


@pytest.mark.parametrize("written", range(4))
async def test_a_kill_before_the_file_is_gone_doubles_nothing(tmp_path: Path, written: int) -> None:
    """Some of what is in the file was committed; two entries are the same to the letter."""
    await made(tmp_path, 2)
    twins = [draft_of(change(number), 7) for number in (3, 3, 4)]
    async with opened(tmp_path) as activity:
        for draft in twins[:written]:
            activity._add(draft)
        await activity.flush()
    write_pending(tmp_path, Left(2, twins))
    assert await numbers(tmp_path) == ["1", "2", "3", "3", "4"]
    assert numbers_in_file(tmp_path) == []
    assert (await verdict(tmp_path)).wrong == ""


async def test_a_file_is_not_overwritten_before_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pending(tmp_path, Left(0, [draft_of(change(1), 7)]))
    monkeypatch.setattr(actions, "WAIT_S", 0.0)
    storage = await Storage.open(Settings(data_dir=tmp_path).database)
    activity = Activity(storage, Hub(), Events(), tmp_path, Keep(400, 1_000))
    await activity.record(change(2))
    assert numbers_in_file(tmp_path) == ["1"]
    await activity.load()
    await activity.flush()
    await storage.close()
    assert await numbers(tmp_path) == ["1", "2"]


async def test_a_full_disk_loses_neither_the_file_nor_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as activity:
        database = Full(activity)
        activity.note(change(1))
        await activity.flush()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", Mock(side_effect=OSError(errno.ENOSPC, "no space")))
            activity.note(change(2))
            await activity.flush()
        assert numbers_in_file(tmp_path) == ["1"]
        assert not list(tmp_path.glob("*.new")), "it would take the room that is needed"
        await activity.flush()
        assert numbers_in_file(tmp_path) == ["1", "2"]
        database.full = False
        await activity.flush()
    assert await numbers(tmp_path) == ["1", "2"]


async def test_rows_of_another_process_are_followed(tmp_path: Path) -> None:
    """Two machines with one PostgreSQL, or a command beside a Commander that is just starting."""
    await made(tmp_path, 1)
    async with opened(tmp_path) as activity:
        for number in (2, 3):
            [entry] = await activity.entries(Query(), 1)
            other = Entry(entry.id + 1, entry.draft, activity._seal.of(entry.hash, entry.id + 1, entry.draft))
            async with activity._storage.begin() as tx:
                await store.insert_entries(tx, [other])
            activity.note(change(number))
            await activity.flush()
            assert not activity._pending
    assert await numbers(tmp_path) == ["1", "1", "2", "2", "3"]
    assert (await verdict(tmp_path)).wrong == ""


def numbers_in_file(folder: Path) -> list[str]:
    """Of the rigs that were renamed."""
    left = read_pending(folder)
    return [] if left is None else [draft.read_details.facts["rig_id"] for draft in left.drafts]


async def numbers(folder: Path) -> list[str]:
    """The same of the table, at the next start."""
    async with opened(folder) as activity:
        await activity.flush()
        found = await activity.entries(Query(), 100)
    return [entry.draft.read_details.facts["rig_id"] for entry in reversed(found)]


async def test_a_damaged_file_is_an_entry_and_stops_nothing(tmp_path: Path) -> None:
    await made(tmp_path, 1)
    (tmp_path / "activity.pending").write_text("[{]")
    async with opened(tmp_path) as activity:
        activity.started({})
        await activity.flush()
        [entry] = await activity.entries(Query(), 1)
    assert "activity.pending cannot be read" in entry.draft.details
    assert (tmp_path / "activity.pending.damaged").read_text() == "[{]"


async def test_many_at_once_are_one_chain(tmp_path: Path) -> None:
    async with opened(tmp_path) as activity, supervised(Part("activity"), activity.run):
        await asyncio.gather(*(activity.record(change(number)) for number in range(1, 1_201)))
    assert (await verdict(tmp_path)).checked == 1_200


async def test_strangers_push_out_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as activity:
        stranger = Actor("stranger", "a browser without a session")
        for number in range(500):
            activity._token_refused(TokenRefused(f"192.0.2.{number % 200}", 1, "1.0"))
        await activity.record(change(1, stranger))
        await activity.flush()
        assert len(await activity.entries(Query(), 1_000)) == 30


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([7], "7"), ([3, 1, 2, 9, 10], "1-3,9-10")])
def test_numbers_are_a_short_text(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text
    assert list(unranged(text)) == sorted(numbers)
    assert range_count(text) == len(numbers)


@pytest.mark.parametrize("text", ["x", "5-1", "1-99999999"])
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"not the numbers|invalid literal"):
        list(unranged(text))
    with pytest.raises(ValueError, match=r"not the numbers|invalid literal"):
        range_count(text)
