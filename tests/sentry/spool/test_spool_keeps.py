"""The spool: what is in it survives, what is not is counted, and no disk can end the Sentry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool import spool as spool_module
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.record import LOG, Record, token_key
from rigfarm.wire.codec import decode_log
from rigfarm.wire.log import OperationalLog
from support.until import until

EVERYTHING = 1 << 60


def log(number: int, padding: int = 0) -> OperationalLog:
    return OperationalLog(t=1_000 + number, uptime_s=float(number), messages=["x" * padding] if padding else [])


@contextlib.asynccontextmanager
async def opened(path: Path | None, limit: int = 16 << 20) -> AsyncIterator[Spool]:
    spool = Spool(path, limit)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


async def everything(spool: Spool) -> list[int]:
    """Numbers of the logs it holds, in order, as `uptime_s` tells."""
    found: list[int] = []
    after = 0
    while after < EVERYTHING - 1:
        records, after = await spool.read(after, EVERYTHING, max_records=200, max_bytes=1 << 20)
        found += [int(decode_log(record.body).uptime_s or 0) for record in records]
    return found


async def written(spool: Spool) -> None:
    await until(lambda: not spool._pending.logs)


async def test_it_works(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 51):
            spool.append("a", log(number))
        await written(spool)
        assert await everything(spool) == list(range(1, 51))
        first = spool.id
        spool.acked(1, 10)
        spool.acked(40, 50)
        assert spool.stats().logs == 29
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with opened(path) as spool:
        assert spool.id == first
        assert spool.next_seq == 51
        assert await everything(spool) == list(range(11, 40))


async def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for round_ in range(5):
        async with opened(path) as spool:
            assert spool.next_seq == round_ * 3 + 1
            for number in range(3):
                spool.append("a", log(number))
            await written(spool)
            spool.acked(1, spool.next_seq - 1)


async def test_a_log_acknowledged_before_it_is_written_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "BATCH_BYTES", 500)
    async with opened(tmp_path / "spool.db") as spool:
        for number in range(1, 51):
            spool.append("a", log(number, 100))
        await until(lambda: spool.next_seq == 51)
        spool.acked(1, 50)
        assert spool._pending.unwritten, "they were written already: this shows nothing"
        await until(lambda: not spool._pending.unwritten and spool.stats().logs == 0)
        await until(lambda: not spool._pending.acked)
        assert await everything(spool) == []


async def test_what_is_acknowledged_twice_counts_once(tmp_path: Path) -> None:
    """A log that was sent again on another connection is acknowledged again, after the file has let go of it."""
    async with opened(tmp_path / "spool.db") as spool:
        for number in range(1, 11):
            spool.append("a", log(number))
        await written(spool)
        spool.acked(1, 4)
        spool.append("a", log(11))
        await written(spool)  # this commit lets go of the four
        assert spool.stats().logs == 7
        spool.acked(1, 5)
        assert spool.stats().logs == 6
        spool.acked(1, 11)
        assert spool.stats().logs == 0


async def test_a_log_is_handed_over_only_once_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "BATCH_BYTES", 500)
    early: list[int] = []
    handed_over: list[int] = []
    async with opened(tmp_path / "spool.db") as spool:

        def recorded(records: list[Record]) -> None:
            with sqlite3.connect(f"file:{spool.path}?mode=ro&immutable=1", uri=True) as db:
                durable = {seq for (seq,) in db.execute("SELECT seq FROM records")}
            early.extend(record.seq for record in records if record.seq not in durable)
            handed_over.extend(record.seq for record in records)

        spool.on_recorded = recorded
        for number in range(1, 31):
            spool.append("a", log(number, 100))
        await until(lambda: handed_over == list(range(1, 31)))
    assert early == []


def test_what_a_crash_kept_from_being_written_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 20)
    file.commit(Batch([Record(LOG, n, 0, token_key("a"), b"x") for n in range(1, 21)], next_seq=51, unwritten_from=21))
    file.close()
    for _ in range(2):
        file = SpoolFile(path, 1 << 20)
        assert list(file.gaps.lost) == [(21, 50)]
        assert file.meta.dropped_full == 30
        assert file.meta.next_seq == 51
        file.commit(Batch([], next_seq=51))
        file.close()


def test_whose_logs_were_dropped_is_remembered_until_the_commander_knows(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    file = SpoolFile(path, 1 << 18)
    for seq in range(1, 401):
        file.commit(Batch([Record(LOG, seq, 0, token_key("abc"[seq % 3]), b"x" * 900)], next_seq=seq + 1))
    dropped = dict(file.gaps.dropped)
    ((first, last),) = file.gaps.lost
    assert (first, last) == (1, file.meta.dropped_full)
    assert {key: one.total for key, one in dropped.items()} == {
        token_key("abc"[rest]): sum(seq % 3 == rest for seq in range(1, last + 1)) for rest in range(3)
    }
    file.commit(Batch([], next_seq=401, told={token_key("a"): dropped[token_key("a")].total}))
    file.close()
    file = SpoolFile(path, 1 << 18)
    assert file.gaps.dropped[token_key("a")].told == dropped[token_key("a")].total
    assert file.gaps.dropped[token_key("b")] == dropped[token_key("b")]
    while file.forget(token_key("a")):
        pass
    assert token_key("a") not in file.gaps.dropped
    file.close()


async def test_logs_may_come_before_the_disk_is_open(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db", 1 << 20)
    for number in range(1, 21):
        spool.append("a", log(number))
    assert spool.stats().logs == 20
    await spool.open()
    await written(spool)
    assert await everything(spool) == list(range(1, 21))
    await spool.close()


@pytest.mark.parametrize("padding", [40, 300, 3_000, 20_000])
async def test_the_disk_is_bounded_and_every_drop_counted(
    tmp_path: Path, padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "COMMIT_EVERY_S", 0.0)
    path, limit = tmp_path / "spool.db", 2 << 20
    count = 2 * limit // (padding + 80)
    async with opened(path, limit) as spool:
        largest = 0
        for number in range(1, count + 1):
            spool.append("a", log(number, padding))
            if number % max(1, 200_000 // (padding + 80)) == 0:
                await written(spool)
                largest = max(largest, sum(one.stat().st_size for one in tmp_path.iterdir()))
        await written(spool)
        kept = await everything(spool)
        stats = spool.stats()
        assert largest <= limit + (1 << 20), "the file, and the rollback journal of one commit"
        assert kept == list(range(kept[0], count + 1)), "the oldest went first"
        assert stats.dropped == kept[0] - 1 > 0
        assert spool.gaps() == [(1, kept[0] - 1, True)]
        assert stats.logs == len(kept)
        assert len(kept) * (padding + 60) > limit * 0.55, "it keeps about what it may"
    async with opened(path, limit) as spool:
        assert spool.stats().dropped == kept[0] - 1
        assert spool.gaps() == [(1, kept[0] - 1, True)]
        spool.acked(1, kept[0] - 1)
        assert spool.gaps() == []
        spool.acked(kept[0], count)
        await until(lambda: spool.stats().logs == 0)
    async with opened(path, limit) as spool:
        assert spool.gaps() == []
        assert await everything(spool) == []


async def test_what_is_being_sent_is_dropped_last(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path / "spool.db", 1 << 18)
    key = token_key("a")

    def records(first: int, last: int) -> list[Record]:
        return [Record(LOG, n, 0, key, b"x" * 900) for n in range(first, last + 1)]

    file.commit(Batch(records(1, 150), next_seq=151))
    file.commit(Batch(records(151, 260), next_seq=261), keep_through=40)
    assert [seq for (seq,) in file._conn.execute("SELECT seq FROM records ORDER BY seq LIMIT 41")][:40] == [
        *range(1, 41)
    ]
    assert file.meta.dropped_full > 0
    assert [first for first, _ in file.gaps.lost] == [41]
    file.close()


async def test_the_disk_is_given_back_when_all_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(4_000):
            spool.append("a", log(number, 500))
        await written(spool)
        assert path.stat().st_size > 2 << 20
        spool.acked(1, 4_000)
        await until(lambda: path.stat().st_size < 64 << 10)


async def test_a_removed_tokens_logs_are_really_gone(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 101):
            spool.append("a" if number % 2 else "b", OperationalLog(number, uptime_s=float(number), lan_ip="10.9.8.7"))
        spool.append("a", OperationalLog(200, uptime_s=200.0, lan_ip="10.1.1.1"))
        await written(spool)
        await spool.forget("a")
        assert await everything(spool) == list(range(2, 101, 2))
        assert sum(last - first + 1 for first, last, _ in spool.gaps()) == 51
        assert not any(lost for _, _, lost in spool.gaps())
        assert spool.stats().dropped == 0
        await spool.forget("b")
        assert spool.gaps() == [(1, 101, False)]
    assert b"10.9.8.7" not in path.read_bytes()


async def test_a_held_token_is_set_aside_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 501):
            spool.append("ab"[number % 2], log(number))
        await written(spool)
        await spool.hold("b")
        assert await everything(spool) == list(range(2, 501, 2))
        assert spool.stats().logs == 500
    async with opened(path) as spool:
        assert spool.holds
        await spool.release("b")
        assert not spool.holds
        assert await everything(spool) == [*range(2, 501, 2), *range(1, 501, 2)]
        assert spool.next_seq == 751
        await spool.hold("a")
        await spool.forget("a")
        assert await everything(spool) == list(range(1, 501, 2))
        assert spool.stats().logs == 250


async def test_a_log_that_cannot_be_sent_is_not_taken(tmp_path: Path) -> None:
    async with opened(tmp_path / "spool.db") as spool:
        spool.append("a", OperationalLog(t=-1))
        spool.append("a", log(2))
        await written(spool)
        assert await everything(spool) == [2]


# Disks


async def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 0.05)
    handed_over: list[int] = []
    async with opened(tmp_path / "spool.db") as spool:
        spool.on_recorded = lambda records: handed_over.extend(record.seq for record in records)
        for number in range(1, 101):
            spool.append("a", log(number, 300))
        await written(spool)
        assert spool._file is not None
        await _pragma(spool, f"max_page_count={spool._file._pragma('page_count')}")
        for number in range(101, 201):
            spool.append("a", log(number, 300))
            await asyncio.sleep(0)
        await until(lambda: spool.problem == "the disk is full")
        await until(lambda: not spool._pending.waiting, "all have their numbers")
        assert await everything(spool) == list(range(1, 201)), "read from disk and memory alike"
        await until(lambda: handed_over == list(range(1, 201)), "handed to the link all the same")
        assert spool.stats().logs == 200
        spool.acked(150, 200)
        await _pragma(spool, "max_page_count=1000000")
        await until(lambda: spool.problem is None)
        assert await everything(spool) == list(range(1, 150))
    async with opened(tmp_path / "spool.db") as spool:
        assert await everything(spool) == list(range(1, 150))
        assert spool.next_seq == 201
        assert spool.stats().dropped == 0


async def test_memory_is_bounded_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 0.05)
    monkeypatch.setattr(spool_module, "MEMORY_BYTES", 100_000)
    async with opened(tmp_path / "spool.db") as spool:
        await _pragma(spool, "max_page_count=1")
        for number in range(1, 2_001):
            spool.append("a", log(number, 1_000))
            if number % 20 == 0:
                await asyncio.sleep(0.001)
        await until(lambda: spool.problem is not None)
        await until(lambda: not spool._pending.waiting)
        kept = await everything(spool)
        assert spool._pending.memory <= 101_000
        # The oldest go first, but none that a commit may still write: which those are is the disk's affair.
        lost = sorted(set(range(1, 2_001)) - set(kept))
        assert 1_880 < len(lost) < 2_000
        assert spool.stats().dropped == len(lost)
        assert _numbers(spool.gaps()) == lost
        await _pragma(spool, "max_page_count=1000000")
        await until(lambda: spool.problem is None)
    async with opened(tmp_path / "spool.db") as spool:
        assert await everything(spool) == kept
        assert _numbers(spool.gaps()) == lost
        assert spool.stats().dropped == len(lost)


def _numbers(gaps: list[tuple[int, int, bool]]) -> list[int]:
    """Of logs that were lost."""
    assert all(lost for _, _, lost in gaps)
    return [number for first, last, _ in gaps for number in range(first, last + 1)]


async def _pragma(spool: Spool, text: str) -> None:
    await spool._in_thread(lambda file: file._conn.execute(f"PRAGMA {text}").fetchall() and None)


async def test_a_folder_that_cannot_be_written_is_memory_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 0.05)
    path = tmp_path / "not" / "there" / "spool.db"
    async with opened(path) as spool:
        assert spool.problem is not None
        identity = spool.id
        for number in range(1, 31):
            spool.append("a", log(number))
        await written(spool)
        assert await everything(spool) == list(range(1, 31))
        path.parent.mkdir(parents=True)
        await until(lambda: spool.problem is None)
        assert spool.id == identity
    async with opened(path) as spool:
        assert spool.id == identity
        assert await everything(spool) == list(range(1, 31))


async def test_a_disk_that_hangs_does_not_stop_the_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(spool_module, "SLOW_DISK_S", 0.1)
    handed_over: list[int] = []
    hangs = threading.Event()
    async with opened(tmp_path / "spool.db") as spool:
        spool.on_recorded = lambda records: handed_over.extend(record.seq for record in records)
        hung = asyncio.ensure_future(spool._in_thread(lambda _file: hangs.wait(30) and None))
        for number in range(1, 11):
            spool.append("a", log(number))
            await asyncio.sleep(0.03)
        await until(lambda: handed_over == list(range(1, 11)))
        hangs.set()
        await hung
        await written(spool)
        assert await everything(spool) == list(range(1, 11))


# Damage


def damaged_file(path: Path) -> tuple[SpoolFile, list[int]]:
    """A spool with a history, and what should be in it."""
    file = SpoolFile(path, 16 << 20)
    key = token_key("a")
    for first in range(1, 201, 20):
        records = [Record(LOG, n, 0, key, spool_body(n)) for n in range(first, first + 20)]
        file.commit(Batch(records, next_seq=first + 20))
    file.commit(Batch([], next_seq=201, acked=[(1, 15), (120, 125)]))
    return file, [n for n in range(16, 201) if not 120 <= n <= 125]


def spool_body(number: int) -> bytes:
    from rigfarm.wire.codec import encode

    return encode(log(number, number * 7 % 400))


def test_the_damaged_file_is_set_aside_and_only_the_newest_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for _ in range(3):
        path.write_bytes(b"This is no database at all." * 100)
        spool = SpoolFile(path, 1 << 20)
        assert spool.meta.damaged_files == 1
        assert spool.meta.next_seq == 1
        spool.close()
        path.unlink()
    assert len(list(tmp_path.glob("spool.db.damaged-*"))) == 1


async def test_damage_found_while_it_runs_is_mended_under_way(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        for number in range(1, 301):
            spool.append("a", log(number, 200))
        await written(spool)
    with sqlite3.connect(path) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 12)
    async with opened(path) as spool:
        for number in range(301, 311):
            spool.append("a", log(number))
        found = await everything(spool)
        await written(spool)
        assert found[:300] == list(range(1, 301))
        assert await everything(spool) == list(range(1, 311))
        assert spool.stats().damaged == 0


async def test_a_salvage_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, wanted = damaged_file(tmp_path / "spool.db")
    file.close()
    data = bytearray((tmp_path / "spool.db").read_bytes())
    data[:16] = bytes(16)
    (tmp_path / "spool.db").write_bytes(data)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "_refill", full)
        with pytest.raises(sqlite3.OperationalError):
            SpoolFile(tmp_path / "spool.db", 1 << 20)
    assert (tmp_path / "spool.db").read_bytes() == data
    assert [one.name for one in tmp_path.iterdir()] == ["spool.db"]
    spool = SpoolFile(tmp_path / "spool.db", 1 << 20)
    spool.verify()
    found, _ = spool.read(0, EVERYTHING, max_records=1_000, max_bytes=1 << 30)
    assert [record.seq for record in found] == wanted
    spool.close()


def test_no_log_can_pretend_to_be_a_record(tmp_path: Path) -> None:
    from rigfarm.sentry.spool.record import pack, scan
    from rigfarm.wire.codec import encode

    forged = pack(Record(LOG, 7, 0, token_key("b"), b"forged")).decode("latin-1")
    body = encode(OperationalLog(1, uptime_s=1.0, messages=[forged]))
    record = Record(LOG, 1, 0, token_key("a"), body)
    assert list(scan(os.urandom(100) + pack(record) + os.urandom(100))) == [record]
    assert list(scan(body)) == []


async def test_a_spool_of_an_earlier_day_notices_what_the_commander_has(tmp_path: Path) -> None:
    """After a disk was restored, new logs would get numbers that the Commander has, and be taken for old ones."""
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        assert not spool.forgot(0), "a Commander that has nothing"
        for number in range(5):
            spool.append("a", log(number))
        await written(spool)
        assert spool.forgot(1), "it has what never left here"
        spool.sent(3)
        assert [spool.forgot(highest) for highest in (1, 3, 4)] == [False, False, True]
    async with opened(path) as spool:
        assert [spool.forgot(highest) for highest in (3, 5, 6)] == [False, False, True], "those of before are known"
