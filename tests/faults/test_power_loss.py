"""Row 2: an acknowledged log survives a power loss. Control: `synchronous=NORMAL`, and `OFF`."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import apsw
import pytest

pytest.importorskip("apsw")

from powerloss import ApswConnection, Disk, PowerLossError
from promise import record, scaled

from rigfarm.commander.logs import journal as journals
from rigfarm.commander.logs.store import _SCHEMA
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload

SPOOL = b"s" * 16


def lose_power_once(folder: Path, seed: int, synchronous: str) -> tuple[int, int]:
    """Commit until the power goes at a random write; (acknowledged logs, lost ones)."""
    chance = random.Random(seed)
    disk = Disk(fails_at=chance.randint(30, 400))
    path = folder / f"{synchronous}-{seed}.db"
    acknowledged: list[int] = []
    connection: ApswConnection | None = None
    with contextlib.suppress(apsw.Error, sqlite3.Error, PowerLossError):
        connection = ApswConnection(path, disk.name, synchronous)
        connection.executescript(_SCHEMA)
        journal = journals.Journal(path)
        journal._db = connection  # type: ignore[assignment]
        t = 0
        while True:
            batch = journals._Batch()
            times = [t + n for n in range(1, chance.randint(2, 8))]
            t = times[-1]
            batch.rigs = [7] * len(times)
            batch.logs = [encode(OperationalLog(t=n, workloads=[Workload(coin="XMR", hashrate=n / 3)])) for n in times]
            batch.mark(SPOOL, [(times[0], times[-1])])
            journal._commit(batch, None)
            acknowledged += times
    disk.fails_at = 0  # whatever closing would write does not reach the disk any more
    if connection is not None:
        with contextlib.suppress(apsw.Error, PowerLossError):
            connection.abandon()
    disk.lose(seed)
    try:
        reopened = journals.Journal(path)
        reopened.open()
        stored = {log.t for _, row in reopened.rows_after(0) for _, log in row.logs()}
        assert reopened._db is not None
        assert reopened._db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        stored = set()
    return len(acknowledged), len(set(acknowledged) - stored)


def crashes(folder: Path, count: int, synchronous: str) -> tuple[int, int, int]:
    """(acknowledged, lost, losses of power in which something was lost)."""
    results = [lose_power_once(folder, seed, synchronous) for seed in range(count)]
    return sum(a for a, _ in results), sum(lost for _, lost in results), sum(1 for _, lost in results if lost)


def test_an_acknowledged_log_survives_a_power_loss(tmp_path: Path) -> None:
    losses = scaled(40, 1000)
    acknowledged, lost, _ = crashes(tmp_path, losses, "FULL")
    normal_logs, normal_lost, normal_runs = crashes(tmp_path, losses // 2, "NORMAL")
    _, off_lost, off_runs = crashes(tmp_path, losses // 4, "OFF")
    record(
        2,
        "an acknowledged log survives a power loss",
        n=acknowledged,
        bad=lost,
        unit=f"logs in {losses} losses of power",
        control="synchronous=NORMAL",
        control_bad=f"{normal_lost} of {normal_logs} lost in {normal_runs} of {losses // 2} (OFF: in {off_runs})",
    )
    assert acknowledged > 100
    assert lost == 0
    assert normal_lost > 0, "the control lost nothing: this test shows nothing"
    assert off_lost > 0
