"""Row 2: an acknowledged log survives a power loss. Control: `synchronous=NORMAL`, and `OFF`."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

pytest.importorskip("apsw")

from powerloss import ApswConnection, Disk, PowerLossError
from promise import record, scaled

from rigfarm.commander.logs import journal as journals
from rigfarm.commander.logs.batch import Batch
from rigfarm.commander.logs.rows import EncodedLog
from rigfarm.commander.logs.store import _SCHEMA
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload

SPOOL = b"s" * 16


class Loss(NamedTuple):
    """One loss of power."""

    acknowledged: int
    lost: int
    """How many of them are gone."""
    damaged: bool
    """The file is not whole any more."""


def lose_power_once(folder: Path, seed: int, synchronous: str) -> Loss:
    """Commit until the power goes at a random write."""
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
            batch = Batch()
            times = [t + n for n in range(1, chance.randint(2, 8))]
            t = times[-1]
            logs: list[EncodedLog] = [
                encode(OperationalLog(t=n, workloads=[Workload(coin="XMR", hashrate=n / 3)])) for n in times
            ]
            span = times[0], times[-1]
            batch.add(SPOOL, [span], [7] * len(times), logs, span, lambda _first, _last: None)
            journal._commit(batch, None)
            acknowledged += times
    disk.fails_at = 0  # whatever closing would write does not reach the disk any more
    if connection is not None:
        with contextlib.suppress(apsw.Error, PowerLossError):
            connection.abandon()
    disk.lose(seed)
    stored, whole = kept(path)
    return Loss(len(acknowledged), len(set(acknowledged) - stored), not whole)


def kept(path: Path) -> tuple[set[int], bool]:
    """The times of the logs in a journal, and whether the file is whole."""
    journal = journals.Journal(path)
    try:
        journal.open()
        stored = {log.t for _, row in journal.rows_after(0) for _, log in row.logs()}
        assert journal._db is not None
        whole = journal._db.execute("PRAGMA quick_check").fetchone() == ("ok",)
        return stored, whole and not journal.damage
    except sqlite3.DatabaseError:
        return set(), False
    finally:
        if journal._db is not None:
            journal._db.close()


def crashes(folder: Path, count: int, synchronous: str) -> list[Loss]:
    """So many losses of power, each at another write."""
    return [lose_power_once(folder, seed, synchronous) for seed in range(count)]


def test_an_acknowledged_log_survives_a_power_loss(tmp_path: Path) -> None:
    losses = scaled(40, 1000)
    full = crashes(tmp_path, losses, "FULL")
    normal = crashes(tmp_path, losses // 2, "NORMAL")
    off = crashes(tmp_path, losses // 4, "OFF")
    acknowledged, lost = sum(one.acknowledged for one in full), sum(one.lost for one in full)
    damaged, normal_lost = sum(one.damaged for one in full), sum(one.lost for one in normal)
    normal_runs, off_runs = (sum(one.lost > 0 or one.damaged for one in losses) for losses in (normal, off))
    of = sum(one.acknowledged for one in normal)
    record(
        2,
        "an acknowledged log survives a power loss",
        n=acknowledged,
        bad=lost + damaged,
        unit=f"logs in {losses} losses of power",
        control="synchronous=NORMAL",
        control_bad=f"{normal_lost} of {of} lost in {normal_runs} of {len(normal)} (OFF: in {off_runs} of {len(off)})",
    )
    assert acknowledged > 100
    assert (lost, damaged) == (0, 0)
    assert normal_lost > 0, "the control lost nothing: this test shows nothing"
    assert off_runs > 0
