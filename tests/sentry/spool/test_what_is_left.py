"""Losses and damage of a spool: who lost how many logs, what is found in a broken file, and what it says of itself."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_spool_keeps import everything, log, opened, written

from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool import spool as spool_module
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.clock import Correction
from rigfarm.sentry.spool.db import DamagedError, in_words, is_damage
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.meta import Dropped, GapBook, Meta, best_meta
from rigfarm.sentry.spool.record import DROPS, GAP, LOG, META, Record, pack, scan, token_key, unpack
from rigfarm.sentry.spool.salvage import Findings
from rigfarm.wire.codec import decode_log, encode
from rigfarm.wire.limits import MAX_SEQUENCE
from support.until import until

A, B = token_key("a"), token_key("b")


# Who lost how many


async def test_lost_logs_are_counted_for_their_rig_until_the_commander_knows(tmp_path: Path) -> None:
    """Those in the file and those in memory alike; a number that shrinks, or another rig's, hides an outage."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([], next_seq=9, lost=[(1, 8)], lost_of={A: 5, B: 3}, told={}))
    file.commit(Batch([], next_seq=9, told={A: 4, B: 3}))
    file.close()
    async with opened(path) as spool:
        assert spool.dropped() == {A: Dropped(5, 4)}, "all of b's are known"
        spool._pending.lost_of.update({A: 2, B: 1})
        assert spool.dropped() == {A: Dropped(7, 4), B: Dropped(4, 3)}
        spool.told({A: 7})
        assert spool.dropped() == {B: Dropped(4, 3)}
        spool.told({A: 6})
        assert spool.dropped()[A] == Dropped(7, 6), "an older answer of another connection"
        spool.told({A: 2})
        assert spool.dropped()[A] == Dropped(7, 4), "it knew of four before"


async def test_refused_logs_are_lost_and_the_others_stay(tmp_path: Path) -> None:
    """Logs of another version that the Commander cannot read must not keep those behind them from being sent."""
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 11):
            spool.append("ab"[number % 2], log(number))
        await written(spool)
        await spool.refuse(3, 5)
        assert await everything(spool) == [1, 2, 6, 7, 8, 9, 10]
        assert spool.gaps() == [(3, 5, True)]
        assert spool.dropped() == {A: Dropped(1), B: Dropped(2)}
        assert (spool.stats().dropped, spool.stats().logs) == (3, 7)
    async with opened(path) as spool:
        assert spool.dropped() == {A: Dropped(1), B: Dropped(2)}


async def test_all_that_was_recorded_is_on_the_disk_when_the_sentry_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update restarts it: what one commit cannot hold must not be lost."""
    monkeypatch.setattr(spool_module, "BATCH_BYTES", 500)
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 51):
            spool.append("a", log(number, 100))
    async with opened(path) as spool:
        assert await everything(spool) == list(range(1, 51))


def test_a_new_identity_is_one_that_a_commander_takes(tmp_path: Path) -> None:
    """One of another length is refused at each greeting, and in a damaged file not believed."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    before = file.meta.id
    file.renew()
    renewed = file.meta.id
    assert (len(renewed), renewed != before) == (16, True)
    file.close()
    file = SpoolFile(path, 1 << 20)
    assert file.meta.id == renewed
    file.close()


async def test_lost_and_unwanted_numbers_are_told_apart(tmp_path: Path) -> None:
    async with opened(tmp_path / "spool.db") as spool:
        for number in range(1, 9):
            spool.append("ab"[number > 4], log(number))
        await written(spool)
        assert not spool.has_gaps
        await spool.forget("a")
        await spool.refuse(7, 8)
        assert spool.has_gaps
        assert sorted(spool.gaps()) == [(1, 4, False), (7, 8, True)]
        spool.acked(7, 7)
        assert spool.stats().logs == 2, "an acknowledged gap is no log less"
        spool.acked(2, 7)
        assert sorted(spool.gaps()) == [(1, 1, False), (8, 8, True)]
        assert spool.stats().logs == 0, "5 and 6 are acknowledged, and of the others none is a log"


# Time that became known


async def test_logs_are_sent_with_the_time_that_became_known(tmp_path: Path) -> None:
    """A night without the Commander, by a clock that was wrong: its logs must not lie in another year."""
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number, epoch in ((1, 7), (2, 0), (3, 9)):
            spool.append("a", log(number), epoch)
        await written(spool)
        whole, _ = await spool.read(0, 99, max_records=9, max_bytes=9_999)
        assert [spool.body(record) for record in whole] == [record.body for record in whole], "nothing is known yet"
        await spool.shift(Correction(9, 50, 2_000))

        async def times(spool: Spool) -> list[int]:
            records, _ = await spool.read(0, 99, max_records=9, max_bytes=9_999)
            return [decode_log(spool.body(record)).t for record in records]

        assert await times(spool) == [1_001, 1_002, 1_053]
        await spool.shift(Correction(7, -500, 600))
        assert await times(spool) == [501, 1_002, 1_053]
    async with opened(path) as spool:
        assert await times(spool) == [501, 1_002, 1_053]
        damaged = Record(LOG, 5, 7, A, b"no log")
        assert spool.body(damaged) == b"no log"


@pytest.mark.parametrize("left", ["logs", "held", "nothing"])
async def test_what_is_known_of_the_time_is_kept_as_long_as_a_log_needs_it(tmp_path: Path, left: str) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        spool.append("a", log(1), 7)
        await written(spool)
        await spool.shift(Correction(7, 100, 1_101))
        if left == "held":
            await spool.hold("a")
        elif left == "nothing":
            spool.acked(1, 1)
    file = SpoolFile(path, 1 << 20)
    assert (file.meta.shifts, file.meta.epochs) == (({}, {}) if left == "nothing" else ({7: 100}, {7: (1_001, 1_001)}))
    file.close()


async def test_a_correction_counts_although_the_disk_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "spool.db") as spool:
        spool.append("a", log(1), 7)
        spool.append("a", log(2), 8)
        await written(spool)
        await spool.shift(Correction(7, 100, 1_101))

        def refuses(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(SpoolFile, "shift", refuses)
        await spool.shift(Correction(8, 200, 1_202))
        records, _ = await spool.read(0, 99, max_records=9, max_bytes=9_999)
        assert [decode_log(spool.body(record)).t for record in records] == [1_101, 1_202]


# What is found in a broken file


def test_whole_records_are_found_wherever_they_lie() -> None:
    records = [Record(LOG, seq, 1, A, bytes(seq)) for seq in (1, 2, 300)]
    one, two, three = map(pack, records)
    assert list(scan(one + two + three)) == records
    assert list(scan(b"\xf5RL1" + one + b"\xf5RL" + two + b"\x00" + three[:-1])) == records[:2]
    assert list(scan(one[1:] + two)) == [records[1]]
    outer = Record(LOG, 4, 0, A, one + two)
    assert list(scan(pack(outer))) == [outer], "what a log contains is no log"
    assert [unpack(one, at) for at in (0, 1)] == [records[0], None]
    assert unpack(one[:-1]) is None
    assert unpack(b"") is None
    broken = bytearray(three)
    for at in range(len(broken)):
        broken[at] ^= 1
        assert unpack(bytes(broken)) is None, at
        broken[at] ^= 1


def test_the_newest_description_that_can_be_is_believed() -> None:
    """An older one gives numbers twice; one that cannot be ends the Sentry at each start."""

    def described(seq: int, meta: Meta, magic: bytes = META) -> Record:
        return Record(magic, seq, 0, bytes(8), msgspec.msgpack.encode(meta))

    good = Meta(bytes(16), next_seq=5)
    newer = Meta(bytes(16), next_seq=9, logs=2)
    assert best_meta([described(5, good), described(9, newer)]) == newer
    assert best_meta([described(9, newer), described(5, good)]) == newer
    assert best_meta([described(5, good), Record(META, 99, 0, bytes(8), b"\xff")]) == good
    assert best_meta([described(5, good), described(99, newer, LOG)]) == good
    assert best_meta([]) is None
    for change in (
        {"id": bytes(15)}, {"next_seq": 0}, {"next_seq": MAX_SEQUENCE + 1}, {"logs": -1}, {"held": -1},
        {"dropped_full": -1}, {"dropped_damaged": -1}, {"dropped_refused": -1}, {"damaged_files": -1},
        {"unwritten_from": -1}, {"logs": MAX_SEQUENCE + 1}, {"epochs": {-1: (1, 1)}}, {"shifts": {-1: 1}},
        {"epochs": {1: (1, MAX_SEQUENCE + 1)}}, {"shifts": {1: -MAX_SEQUENCE - 1}},
    ):  # fmt: skip
        assert best_meta([described(9, msgspec.structs.replace(newer, **change)), described(5, good)]) == good, change
    edge = Meta(bytes(16), 1, 0, MAX_SEQUENCE, 0, epochs={0: (-MAX_SEQUENCE, MAX_SEQUENCE)}, shifts={1: MAX_SEQUENCE})
    assert best_meta([described(1, edge)]) == edge


def test_what_is_found_becomes_one_description(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    old = Meta(bytes(16), next_seq=8, logs=9)
    meta = Meta(bytes(16), next_seq=10, unwritten_from=9, logs=7, held=3, dropped_damaged=4, damaged_files=2)
    records = [
        Record(META, 10, 0, bytes(8), msgspec.msgpack.encode(meta)),
        Record(META, 8, 0, bytes(8), msgspec.msgpack.encode(old)),
        Record(LOG, 4, 0, A, b"x"),
        Record(LOG, 11, 0, A, b"x"),
        Record(GAP, 1, 0, (2).to_bytes(8, "big"), b""),
        Record(GAP, 6, 1, (7).to_bytes(8, "big"), b""),
        Record(DROPS, 0, 0, bytes(8), msgspec.msgpack.encode({A: Dropped(5, 1)})),
    ]
    path.write_bytes(b"".join(map(pack, records)))
    findings = Findings()
    assert [record.seq for batch in findings.logs(path) for record in batch] == [4, 11]
    asked: list[int] = []

    def missing(before: int) -> spool_module.RangeSet:
        asked.append(before)
        return spool_module.RangeSet([(1, 3), (5, 10)])

    found, gaps = findings.conclude(Meta(logs=2, held=1), missing)
    assert asked == [12], "all below the next number"
    assert (found.id, found.next_seq, found.unwritten_from) == (bytes(16), 12, 0)
    assert (found.logs, found.held, found.dropped_damaged, found.damaged_files) == (2, 1, 4 + 5 + 2, 3)
    assert (list(gaps.void), list(gaps.lost)) == ([(1, 2)], [(3, 3), (5, 10)])
    assert gaps.dropped == {A: Dropped(5, 1)}


def test_without_a_description_it_is_another_spool(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(pack(Record(LOG, 4, 0, A, b"x")) + pack(Record(GAP, 1, 1, (2).to_bytes(8, "big"), b"")))
    findings = Findings()
    assert len(list(findings.logs(path))) == 1
    saved = Meta(logs=1, damaged_files=1)
    found, gaps = findings.conclude(saved, lambda _: spool_module.RangeSet([(1, 3)]))
    assert (found.id, found.next_seq, found.damaged_files) == (saved.id, 5, 2)
    assert (list(gaps.lost), list(gaps.void), gaps.dropped) == ([], [], {})


def test_a_large_file_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    body = b"x" * 900
    page = b"".join(pack(Record(LOG, seq, 0, A, body)) for seq in range(4)).ljust(4096, b"\0")
    path.write_bytes(page * 300)
    sizes = [len(batch) for batch in Findings().logs(path)]
    assert sizes == [500, 500, 200]
    path.write_bytes(b"")
    assert list(Findings().logs(path)) == []


def test_gaps_that_cannot_be_read_cost_only_themselves() -> None:
    book = GapBook()
    book.remember(Record(GAP, 5, 1, (3).to_bytes(8, "big"), b""))
    book.remember(Record(GAP, 5, 1, (5).to_bytes(8, "big"), b""))
    book.remember(Record(DROPS, 0, 0, bytes(8), b"\xff"))
    book.remember(Record(DROPS, 0, 0, bytes(8), msgspec.msgpack.encode({A: Dropped(5, 1), B: Dropped(1, 1)})))
    book.remember(Record(DROPS, 0, 0, bytes(8), msgspec.msgpack.encode({A: Dropped(4, 3)})))
    assert (list(book.lost), list(book.void)) == ([(5, 5)], [])
    assert book.dropped == {A: Dropped(5, 3), B: Dropped(1, 1)}, "the newest of each"
    book.drop({A: 2, b"new": 1})
    book.told({A: 99, B: 0, b"other": 4})
    assert book.dropped == {A: Dropped(7, 7), B: Dropped(1, 1), b"new": Dropped(1, 0)}


# What is wrong with the disk, in words


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "words", "damage"),
    [
        (_error(sqlite3.SQLITE_FULL), "the disk is full", False),
        (OSError(28, "No space left on device"), "the disk is full", False),
        (_error(sqlite3.SQLITE_READONLY), "the disk is read-only", True),
        (_error(sqlite3.SQLITE_READONLY_DBMOVED), "the disk is read-only", False),
        (OSError(30, "Read-only file system"), "the disk is read-only", False),
        (_error(sqlite3.SQLITE_CORRUPT), "the disk cannot be written (said by SQLite)", True),
        (_error(sqlite3.SQLITE_CORRUPT_INDEX), "the disk cannot be written (said by SQLite)", True),
        (_error(sqlite3.SQLITE_NOTADB), "the disk cannot be written (said by SQLite)", True),
        (_error(sqlite3.SQLITE_IOERR), "the disk cannot be written (said by SQLite)", False),
        (DamagedError("torn"), "the disk cannot be written (torn)", True),
        (MemoryError("none"), "the disk cannot be written (none)", False),
        (KeyError("x" * 300), f"an unexpected error (KeyError: '{'x' * 199})", False),
    ],
)
def test_trouble_with_a_disk_is_named(error: Exception, words: str, *, damage: bool) -> None:
    assert (in_words(error), is_damage(error)) == (words, damage)


async def test_what_is_wrong_with_the_disk_is_in_the_status(tmp_path: Path) -> None:
    async with opened(tmp_path / "not" / "there" / "spool.db") as spool:
        assert spool.stats().problem == spool.problem
        assert (spool.problem or "").startswith("the disk cannot be written")


@pytest.mark.parametrize("left", [0, 1])
def test_the_file_is_written_anew_only_when_nothing_is_left_in_it(tmp_path: Path, left: int) -> None:
    """While a backlog is sent each commit would write all of it again."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 16 << 20)
    records = [Record(LOG, seq, 0, A, b"x" * 900) for seq in range(1, 2_001)]
    file.commit(Batch(records, next_seq=2_001))
    large = path.stat().st_size
    assert large > 1 << 20
    file.commit(Batch([], next_seq=2_001, acked=[(1, 2_000 - left)]))
    assert (path.stat().st_size >= large) is bool(left)
    file.close()


@pytest.mark.parametrize(("size", "held", "anew"), [(900, False, True), (900, True, False), (9, False, False)])
def test_a_small_file_and_what_is_put_aside_are_not_written_anew(
    tmp_path: Path, size: int, *, held: bool, anew: bool
) -> None:
    """A memory card wears out by it."""
    file = SpoolFile(tmp_path / "spool.db", 16 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, b"x" * size) for seq in range(1, 2_001)], next_seq=2_001))
    if held:
        while file.hold(A):
            pass
    done: list[str] = []
    file._conn.set_trace_callback(done.append)
    file.commit(Batch([], next_seq=2_001, acked=[(1, 2_000)]))
    assert ("VACUUM" in done) is anew
    file.close()


async def test_a_spool_without_a_file_works(tmp_path: Path) -> None:
    async with opened(None) as spool:
        spool.append("a", log(1))
        await written(spool)
        assert (await everything(spool), spool.problem, spool.path) == ([1], None, None)
        assert spool.stats().limit_bytes == 16 << 20
        assert spool.stats().bytes_on_disk > 0


async def test_acknowledged_logs_are_deleted_soon_without_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rig that rests keeps its disk free of what the Commander has; many at once do not wait."""
    monkeypatch.setattr(spool_module, "FLUSH_LOGS", 5)
    monkeypatch.setattr(spool_module, "IDLE_FLUSH_S", 3600.0)
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 11):
            spool.append("a", log(number))
        await written(spool)
        spool.acked(1, 5)
        await until(lambda: not spool._pending.acked)
        assert spool._facts.meta.logs == 5


async def test_a_few_acknowledged_logs_are_deleted_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once, because disks of rigs wear out; and not only when the next log comes, for there may be none."""
    monkeypatch.setattr(spool_module, "IDLE_FLUSH_S", 0.05)
    monkeypatch.setattr(spool_module, "COMMIT_EVERY_S", 0.0)
    async with opened(tmp_path / "spool.db") as spool:
        for number in range(1, 4):
            spool.append("a", log(number))
        await written(spool)
        spool.acked(1, 2)
        spool._wake.set()
        await until(lambda: spool._facts.meta.logs == 1)
        await until(lambda: spool._commit is None)
        await asyncio.sleep(0)  # the writer has nothing to do by now, and waits
        spool.acked(3, 3)
        await until(lambda: spool._facts.meta.logs == 0)


def test_losses_of_several_commits_add_up(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    for first, last in ((1, 3), (5, 6)):
        file.commit(Batch([], next_seq=9, lost=[(first, last)]))
    assert (file.meta.dropped_full, list(file.gaps.lost)) == (5, [(1, 3), (5, 6)])
    file.close()


@pytest.mark.parametrize("wrong", [{"seq": 2}, {"magic": LOG}])
def test_a_gap_in_the_place_of_another_is_damage(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """Other logs than those that were lost would be declared so."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([], next_seq=9, lost=[(1, 8)]))
    gap = Record(GAP, 1, 1, (8).to_bytes(8, "big"), b"")._replace(**wrong)
    file._conn.execute("UPDATE gaps SET record = ? WHERE first = 1", (pack(gap),))
    file.close()
    file = SpoolFile(path, 1 << 20)
    assert (file.meta.damaged_files, file.meta.next_seq) == (1, 9)
    file.close()


@pytest.mark.parametrize("wrong", [{"seq": 9}, {"magic": META}])
def test_a_record_in_the_place_of_another_is_damage(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """It would be sent under a number that is another log's."""
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    records = [Record(LOG, seq, 0, A, encode(log(seq))) for seq in range(1, 4)]
    file.commit(Batch(records, next_seq=10))
    file._conn.execute("UPDATE records SET record = ? WHERE seq = 2", (pack(records[1]._replace(**wrong)),))
    good, _ = file.read(0, 99, max_records=9, max_bytes=9_999)
    assert file.meta.damaged_files == 1
    assert [record.seq for record in good] == ([1, 3, 9] if "seq" in wrong else [1, 3])
    assert next(iter(file.gaps.lost)) == (2, 2)
    file.close()


async def test_the_whole_file_is_read_once_and_not_at_each_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a memory card that takes minutes."""
    checked: list[SpoolFile] = []
    monkeypatch.setattr(SpoolFile, "verify", checked.append)
    async with opened(tmp_path / "spool.db") as spool:
        for _ in range(3):
            assert await everything(spool) == []
        assert len(checked) == 1


def test_a_file_s_own_count_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, encode(log(seq))) for seq in range(1, 6)], next_seq=6))
    file.verify()
    file._conn.execute("DELETE FROM records WHERE seq = 3")
    file.verify()
    assert (file.meta.logs, file.meta.dropped_damaged, file.meta.damaged_files) == (4, 1, 1)
    assert (list(file.gaps.lost), file.meta.next_seq) == ([(3, 3)], 6)
    file.close()


# What is read at once


@pytest.mark.parametrize(
    ("after", "before", "max_records", "max_bytes", "found", "reached"),
    [
        (0, 99, 9, 9_999, [1, 2, 3, 5, 6], 98),
        (0, 99, 2, 9_999, [1, 2], 2),
        (2, 99, 2, 9_999, [3, 5], 5),
        (0, 99, 9, 100, [1], 1),
        (0, 99, 9, 101, [1, 2], 2),
        (0, 99, 9, 250, [1, 2, 3], 3),
        (3, 6, 9, 9_999, [5], 5),
        (3, 5, 9, 9_999, [], 4),
        (6, 99, 9, 9_999, [], 98),
    ],
)
def test_what_is_read_at_once_is_bounded(
    tmp_path: Path, after: int, before: int, max_records: int, max_bytes: int, found: list[int], reached: int
) -> None:
    """A night's backlog must not come into the memory of a small board at once."""
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, b"x" * 100) for seq in (1, 2, 3, 5, 6)], next_seq=7))
    good, last = file.read(after, before, max_records=max_records, max_bytes=max_bytes)
    assert ([record.seq for record in good], last) == (found, reached)
    file.close()


def test_damaged_logs_count_among_what_is_read_at_once(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, b"x" * 100) for seq in range(1, 6)], next_seq=6))
    file._conn.execute("UPDATE records SET record = x'00' WHERE seq IN (1, 3)")
    good, last = file.read(0, 99, max_records=3, max_bytes=9_999)
    assert ([record.seq for record in good], last) == ([2], 3)
    assert (list(file.gaps.lost), file.meta.dropped_damaged, file.meta.logs) == ([(1, 1), (3, 3)], 2, 3)
    file.close()


def test_what_a_crash_cost_is_counted_once_whatever_is_written_next(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([Record(LOG, 1, 0, A, b"x")], next_seq=5, unwritten_from=2))
    file.close()
    for _ in range(3):
        file = SpoolFile(path, 1 << 20)
        assert (list(file.gaps.lost), file.meta.dropped_full, file.meta.unwritten_from) == ([(2, 4)], 3, 0)
        file.shift(Correction(9, 1, 1))
        file.close()


def test_logs_that_are_put_aside_survive_damage_and_damaged_ones_are_counted(tmp_path: Path) -> None:
    """They wait for an operator who puts a token right, maybe for weeks."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, encode(log(seq))) for seq in range(1, 6)], next_seq=6))
    (blob,) = file._conn.execute("SELECT record FROM records WHERE seq = 2").fetchone()
    file._conn.execute("UPDATE records SET record = ? WHERE seq = 2", (blob[:-1] + bytes([blob[-1] ^ 1]),))
    assert file.hold(A)
    assert (file.meta.held, file.meta.logs, file.meta.dropped_damaged) == (4, 0, 1)
    file.close()
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    file = SpoolFile(path, 1 << 20)
    assert (file.meta.held, file.meta.logs, file.meta.dropped_damaged, file.meta.damaged_files) == (4, 0, 1, 1)
    assert [record.seq for _, record in file.held(A, 9)] == [1, 3, 4, 5]
    file.close()
    (aside,) = tmp_path.glob("spool.db.*")
    assert re.fullmatch(r"spool\.db\.damaged-\d{8}-\d{6}", aside.name), "when it was"


def test_many_logs_that_are_put_aside_survive_damage(tmp_path: Path) -> None:
    """They are saved in several batches."""
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([Record(LOG, seq, 0, A, b"x") for seq in range(1, 1_201)], next_seq=1_201))
    while file.hold(A):
        pass
    file.close()
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    file = SpoolFile(path, 1 << 20)
    assert (file.meta.held, file.meta.dropped_damaged, len(file.held(A, 9_999))) == (1_200, 0, 1_200)
    file.close()


async def test_a_file_that_cannot_be_read_at_the_start_is_left_as_it_is_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold a night's logs: it is not written over by a file that began in memory."""
    monkeypatch.setattr(spool_module, "RETRY_S", 0.05)
    path = tmp_path / "spool.db"
    (path / "in it").mkdir(parents=True)
    async with opened(path) as spool:
        spool.append("a", log(1))
        await until(lambda: "it could not be read when the Sentry started" in (spool.problem or ""))
        assert await everything(spool) == [1]
    assert [one.name for one in path.iterdir()] == ["in it"]


def test_a_key_s_logs_are_forgotten_wherever_they_are(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db", 1 << 20)
    records = [Record(LOG, seq, 0, (A, B)[seq % 2], b"x") for seq in range(1, 7)]
    file.commit(Batch(records, next_seq=7, lost_of={A: 2, B: 3}))
    assert file.hold(A)
    assert not file.hold(A)
    assert (file.meta.held, file.meta.logs, list(file.gaps.void)) == (3, 3, [(2, 2), (4, 4), (6, 6)])
    assert [record.seq for _, record in file.held(A, 2)] == [2, 4]
    assert {record.magic for _, record in file.held(A, 9)} == {LOG}
    ids = [one for one, _ in file.held(A, 1)]
    file.commit(Batch([Record(LOG, 7, 0, A, b"x")], next_seq=8, released={7: ids[0]}))
    assert (file.meta.held, file.meta.logs) == (2, 4)
    assert file.forget(A)
    assert not file.forget(A)
    assert (file.meta.held, file.meta.logs, set(file.gaps.dropped)) == (0, 3, {B})
    assert list(file.gaps.void) == [(2, 2), (4, 4), (6, 7)]
    file.close()
