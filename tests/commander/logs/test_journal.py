"""What the journal has acknowledged is there after any end, once."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from rigfarm.commander.logs.journal import Journal
from rigfarm.commander.logs.recent import MAX_READ, RecentRows
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload

SPOOL = b"s" * 16


def a_log(t: int, hashrate: float = 1000.0) -> bytes:
    return encode(OperationalLog(t=t, power_w=100.0, workloads=[Workload(coin="XMR", hashrate=hashrate)]))


async def put(journal: Journal, first: int, logs: list[bytes], rig: int = 7) -> None:
    """Add logs and wait until they are acknowledged."""
    done = asyncio.Event()
    last = first + len(logs) - 1
    taken = journal.take(SPOOL, first, last)
    fresh = [logs[seq - first] for low, high in taken for seq in range(low, high + 1)]
    journal.add(SPOOL, taken, [rig] * len(fresh), list(fresh), (first, last), lambda *_: done.set())
    await asyncio.wait_for(done.wait(), 60)


def stored(path: Path) -> list[int]:
    """Times of all stored logs of rig 7."""
    journal = Journal(path)
    journal.open()
    return [log.t for _, row in journal.rows_after(0) for _, log in row.logs(7)]


async def test_it_works(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    journal.start()
    await put(journal, 1, [a_log(1), a_log(2)])
    await put(journal, 3, [a_log(3)])
    assert stored(journal.path) == [1, 2, 3]
    await journal.close()


async def test_a_resent_log_is_stored_once_even_after_a_restart(tmp_path: Path) -> None:
    for _ in range(3):
        journal = Journal(tmp_path / "journal.db")
        journal.open()
        journal.start()
        await put(journal, 1, [a_log(1), a_log(2), a_log(3)])
        await put(journal, 2, [a_log(2), a_log(3), a_log(4)])
        await journal.close()
    assert stored(tmp_path / "journal.db") == [1, 2, 3, 4]


async def test_the_snapshot_knows_exactly_the_rows_up_to_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    journal.state = lambda: lambda: b"the farm"
    journal.start()
    await put(journal, 1, [a_log(1)])
    await journal.close()
    again = Journal(tmp_path / "journal.db")
    snapshot = again.open()
    assert snapshot is not None
    assert snapshot.state == b"the farm"
    assert list(again.rows_after(snapshot.journal_id)) == []
    assert again.take(SPOOL, 1, 2) == [(2, 2)]


async def test_a_receipt_comes_only_after_the_commit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    journal.start()
    reader = sqlite3.connect(tmp_path / "journal.db")
    rows_at_receipt: list[int] = []
    done = asyncio.Event()

    def receipt(first: int, last: int) -> None:
        assert (first, last) == (1, 1)
        rows_at_receipt.append(reader.execute("SELECT count(*) FROM journal").fetchone()[0])
        done.set()

    journal.add(SPOOL, journal.take(SPOOL, 1, 1), [7], [a_log(1)], (1, 1), receipt)
    await asyncio.wait_for(done.wait(), 60)
    assert rows_at_receipt == [1]
    await journal.close()


async def test_a_full_disk_acknowledges_nothing_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    monkeypatch.setattr("rigfarm.commander.logs.journal.RETRY_S", 0.05)
    real = journal._commit
    refusals = 3

    def commit(*args: object) -> tuple[int, int, float]:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise sqlite3.OperationalError("database or disk is full")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "_commit", commit)
    journal.start()
    await put(journal, 1, [a_log(1), a_log(2)])
    assert journal.failing is None
    assert stored(journal.path) == [1, 2]
    await journal.close()


async def test_the_last_hour_of_a_rig_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    recent = RecentRows(journal.path)
    journal.on_committed = recent.committed
    journal.start()
    now = utc_ms()
    await put(journal, 1, [a_log(now - 4_000_000), a_log(now - 10_000, 5.0), a_log(now - 5_000, 6.0)])
    await put(journal, 4, [a_log(now - 5_000, 99.0)], rig=8)
    logs = await recent.last_hour(7, _itself)
    assert [log.t for log in logs] == [now - 10_000, now - 5_000]
    assert [log.workloads[0].hashrate for log in logs] == [5.0, 6.0]
    fresh = RecentRows(journal.path)
    await fresh.rebuild(Part())
    assert await fresh.last_hour(7, _itself) == logs
    recent.close()
    fresh.close()
    await journal.close()


async def test_of_a_rig_that_floods_the_last_hour_is_read_in_bounded_time_and_memory(tmp_path: Path) -> None:
    """Whoever opens the page of a rig that floods, as the page of limits invites to, would stop the Commander."""
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    recent = RecentRows(journal.path)
    journal.on_committed = recent.committed
    journal.start()
    start = utc_ms() - 1_000_000
    looked_at: list[int] = []

    def summary(log: OperationalLog) -> int:
        looked_at.append(log.t)
        return log.t - start

    for first in range(0, 10_000, 500):
        await put(journal, first + 1, [a_log(start + n) for n in range(first, first + 500)])
    found = await recent.last_hour(7, summary)
    assert found == list(range(0, 10_000, 3))
    assert len(looked_at) == len(found) <= MAX_READ
    recent.close()
    await journal.close()


def _itself(log: OperationalLog) -> OperationalLog:
    return log


_WRITER = """
import asyncio, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_journal import *
async def main():
    journal = Journal(Path({path!r})); journal.open(); journal.start()
    seq = 1
    while True:
        await put(journal, seq, [a_log(seq), a_log(seq + 1)])
        print(seq + 1, flush=True)
        seq += 2
asyncio.run(main())
"""


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    code = _WRITER.format(here=str(Path(__file__).parent), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(5)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().split()]
    process.wait()
    times = stored(path)
    assert times[: acknowledged[-1]] == list(range(1, acknowledged[-1] + 1))
    assert len(times) == len(set(times))


async def test_spools_that_did_not_connect_for_the_longest_time_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigfarm.commander.logs.journal.MAX_SPOOLS", 3)
    journal = Journal(tmp_path / "journal.db")
    spools = [bytes([n]) * 16 for n in range(5)]
    for n in range(3):
        journal.take(spools[n], 1, 10 + n)
    assert journal.highest(spools[0]) == 10, "it connects again"
    journal.take(spools[3], 1, 13)
    assert [journal.highest(spool) for spool in spools] == [10, None, 12, 13, None]
