"""One frame that cannot be stored harms no other: the operator sees it set aside, and every other rig is acknowledged.

Without this, one rig's frame ends the storing of everybody's logs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rigfarm.commander.logs import set_aside
from rigfarm.commander.logs.batch import Batch
from rigfarm.commander.logs.journal import Journal
from rigfarm.commander.logs.set_aside import SetAside
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog

TOO_LARGE = (1 << 64) - 1
"""A sequence number after which the next one fits into no integer of the format."""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Journal]:
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "journal.db")
    journal.open()
    journal.start()
    try:
        yield journal
    finally:
        await journal.close()


def a_log(t: int) -> bytes:
    return encode(OperationalLog(t=t))


class Rig:
    """A rig with a spool of its own, which knows what was acknowledged."""

    def __init__(self, journal: Journal, rig_id: int) -> None:
        self.acked = asyncio.Event()
        self._journal, self._rig_id = journal, rig_id
        self._spool = rig_id.to_bytes(16, "big")

    def send(self, first: int, times: list[int], rig_id: int | None = None) -> None:
        self.acked.clear()
        last = first + len(times) - 1
        taken = self._journal.take(self._spool, first, last)
        rigs = [self._rig_id if rig_id is None else rig_id] * len(times)
        logs: list[bytes] = [a_log(t) for t in times]
        self._journal.add(self._spool, taken, rigs, list(logs), (first, last), lambda *_: self.acked.set())

    async def acknowledged(self) -> None:
        await asyncio.wait_for(self.acked.wait(), 30)


def stored(journal: Journal) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    again = Journal(journal.path)
    again.open()
    for _, row in again.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, []).append(log.t)
    return found


def files(journal: Journal) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(journal.set_aside.folder.glob("*.json"))]


@pytest.mark.parametrize("position", [0, 3, 6])
@pytest.mark.parametrize(("first", "rig_id"), [(TOO_LARGE, 9), (1, 1 << 40), (1, -1)])
async def test_the_others_in_the_batch_are_stored(tmp_path: Path, position: int, first: int, rig_id: int) -> None:
    async with running(tmp_path) as journal:
        reported: list[tuple[list[int], str]] = []
        journal.on_set_aside = lambda rigs, why: reported.append((rigs, why))
        bad = Rig(journal, 9)
        rigs = [Rig(journal, number) for number in range(1, 7)]
        for number, rig in enumerate(rigs):
            if number == position:
                bad.send(first, [100, 200], rig_id)
            rig.send(1, [1, 2])
        if position == len(rigs):
            bad.send(first, [100, 200], rig_id)
        for rig in [*rigs, bad]:
            await rig.acknowledged()
        assert stored(journal) == {number: [1, 2] for number in range(1, 7)}
        (kept,) = files(journal)
        assert kept["first"] == first
        assert kept["rigs"] == [rig_id, rig_id]
        logs = kept["logs"]
        assert isinstance(logs, list)
        assert [base64.b64decode(log) for log in logs] == [a_log(100), a_log(200)]
        assert len(reported) == 1
        assert reported[0][0] == [rig_id, rig_id]
        assert journal.failing is None
        for rig in rigs:
            rig.send(3, [3])
            await rig.acknowledged()


async def test_snapshots_go_on_after_a_number_that_fits_nowhere(tmp_path: Path) -> None:
    async with running(tmp_path) as journal:
        bad, good = Rig(journal, 9), Rig(journal, 1)
        bad.send(TOO_LARGE, [100, 200])
        good.send(1, [1])
        await bad.acknowledged()
        await good.acknowledged()
    again = Journal(journal.path)
    snapshot = again.open()
    assert snapshot is not None
    assert again.take((1).to_bytes(16, "big"), 1, 2) == [(2, 2)], "what was stored stays known"


async def test_a_journal_that_takes_nothing_sets_nothing_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that has run out, or a defect of ours, is no rig's fault: everything waits, nothing is thrown away."""
    monkeypatch.setattr("rigfarm.commander.logs.journal.RETRY_S", 0.05)
    failures = 3

    def pack(*_: object) -> bytes:
        nonlocal failures
        failures -= 1
        if failures < 0:
            monkeypatch.undo()
        raise MemoryError

    async with running(tmp_path) as journal:
        monkeypatch.setattr("rigfarm.commander.logs.journal.pack_body", pack)
        rig = Rig(journal, 1)
        rig.send(1, [1, 2])
        await rig.acknowledged()
        assert stored(journal) == {1: [1, 2]}
        assert files(journal) == []


async def test_what_a_snapshot_is_made_of_cannot_stop_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_the_loop() -> object:
        raise RuntimeError("no state")

    def in_the_thread() -> object:
        def state() -> bytes:
            raise RuntimeError("no state")

        return state

    async with running(tmp_path) as journal:
        journal.state = lambda: lambda: b"as it was"
        journal._snapshot_at = 0.0
        rig = Rig(journal, 1)
        rig.send(1, [1])
        await rig.acknowledged()
        for number, broken in enumerate((on_the_loop, in_the_thread), start=2):
            journal.state = broken  # type: ignore[assignment]  # it raises before anybody uses what it returns
            journal._snapshot_at = 0.0
            rig.send(number, [number])
            await rig.acknowledged()
            assert journal.snapshot_error == "RuntimeError: no state"
        assert stored(journal) == {1: [1, 2, 3]}
    again = Journal(journal.path)
    snapshot = again.open()
    assert snapshot is not None
    assert snapshot.state == b"as it was", "a failed snapshot keeps the one before"


async def test_a_receipt_or_an_index_that_fails_harms_nobody_else(tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    async with running(tmp_path) as journal:
        journal.on_committed = broken
        journal.add(b"x" * 16, [(1, 1)], [9], [a_log(1)], (1, 1), broken)
        rig = Rig(journal, 1)
        rig.send(1, [1])
        await rig.acknowledged()


async def test_the_loop_starts_again_with_the_batch_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rigfarm.commander.supervised.FIRST_S", 0.05)
    async with running(tmp_path) as journal:

        async def broken(*_: object) -> bool:
            monkeypatch.undo()
            raise RuntimeError("a defect")

        monkeypatch.setattr(journal, "_store", broken)
        rig = Rig(journal, 1)
        rig.send(1, [1, 2])
        await rig.acknowledged()
        assert stored(journal) == {1: [1, 2]}
        assert journal.part.failures == 1


def batch_of(size: int) -> Batch:
    batch = Batch()
    batch.add(b"s" * 16, [(1, 1)], [7], [bytes(size)], (1, 1), lambda *_: None)
    return batch


def test_the_folder_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_aside, "MAX_FILES", 5)
    monkeypatch.setattr(set_aside, "MAX_BYTES", 10_000)
    kept = SetAside(tmp_path / "set-aside")
    for _ in range(7):
        kept.keep(batch_of(10), "because")
    assert [path.name for path in sorted(kept.folder.iterdir())] == [f"{n:09d}.json" for n in range(3, 8)]
    SetAside(kept.folder).keep(batch_of(6_000), "after a restart")
    assert sum(path.stat().st_size for path in kept.folder.iterdir()) <= 10_000
    assert (kept.folder / "000000008.json").exists()
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept.folder.iterdir())


async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "set-aside").write_text("a file in its place")
    async with running(tmp_path) as journal:
        bad, good = Rig(journal, 9), Rig(journal, 1)
        bad.send(TOO_LARGE, [100, 200])
        good.send(1, [1])
        await good.acknowledged()
        await bad.acknowledged()
        assert journal.set_aside.lost == 1
        assert stored(journal) == {1: [1]}


async def damage(path: Path, statement: str) -> Journal:
    """Three logs and two snapshots, as a power cut leaves them; then something breaks; opened again."""
    async with running(path.parent / "before") as journal:
        journal.state = lambda: lambda: b"state"
        rig = Rig(journal, 1)
        for number in (1, 2, 3):
            if number < 3:
                journal._snapshot_at = 0.0
            rig.send(number, [number])
            await rig.acknowledged()
        db = sqlite3.connect(path)
        with contextlib.closing(sqlite3.connect(journal.path)) as before:
            before.backup(db)
        db.execute(statement)
        db.commit()
        db.close()
    again = Journal(path)
    again.open()
    return again


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = substr(body, 1, 12) WHERE id = 3",
        "UPDATE journal SET body = x'00010203' WHERE id = 3",
        "UPDATE journal SET body = '' WHERE id = 3",
        "UPDATE journal SET rigs = x'0102' WHERE id = 3",
        "UPDATE journal SET rigs = rigs || rigs WHERE id = 3",
        "UPDATE journal SET rigs = x'' WHERE id = 3",
        "UPDATE snapshots SET marks = x'00' WHERE id = (SELECT max(id) FROM snapshots)",
        "UPDATE snapshots SET marks = x'' WHERE id = (SELECT max(id) FROM snapshots)",
        "UPDATE snapshots SET state = x'28b52ffd' WHERE id = (SELECT max(id) FROM snapshots)",
        "UPDATE snapshots SET marks = x'00', state = 'x'",
    ],
)
async def test_what_is_damaged_is_passed_over_at_the_start(tmp_path: Path, statement: str) -> None:
    """The operator's Commander starts, and says what it could not read."""
    path = tmp_path / "journal.db"
    again = await damage(path, statement)
    assert again.damage
    hurt = "UPDATE journal" in statement
    assert again.take((1).to_bytes(16, "big"), 1, 4) == ([(3, 4)] if hurt else [(4, 4)])
    again.start()
    rig = Rig(again, 2)
    rig.send(1, [1])
    await rig.acknowledged()
    await again.close()


async def test_a_file_that_is_no_database_is_kept_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database" * 1_000)
    async with running(tmp_path) as journal:
        assert len(journal.damage) == 1
        rig = Rig(journal, 1)
        rig.send(1, [1])
        await rig.acknowledged()
    (kept,) = tmp_path.glob("journal.db.damaged-*")
    assert kept.read_bytes().startswith(b"not a database")
