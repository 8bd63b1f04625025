"""The history may end at any moment, in the middle of anything: the next start goes on, and the end is the same."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from history_helpers import START, Arrival, Dying, Farm, PowerCut, a_log, content

from rigfarm.commander.history.model import TABLES, Keep, row_id
from rigfarm.commander.history.writing import step as steps
from rigfarm.commander.history.writing.retention import Retention, forget


def a_farm_s_logs() -> list[list[Arrival]]:
    """Three rigs over half an hour, late and doubled here and there."""
    logs = [(rig, a_log(START + n * 20_000 + rig, 1e6 * rig, accepted=n)) for n in range(90) for rig in (7, 8, 9)]
    some = random.Random(5)
    some.shuffle(logs)
    return [logs[:150], logs[100:], logs[:20]]


def whole(folder: Path) -> Farm:
    farm = Farm(folder)
    for row in a_farm_s_logs():
        farm.arrive(row)
    farm.catch_up()
    return farm


def test_an_end_at_any_statement_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOGS_AT_ONCE", 100)  # so that a step is several transactions
    wanted = whole(tmp_path / "whole").content()
    at, ended = 0, True
    while ended:
        folder = tmp_path / str(at)
        farm = Farm(folder)
        for row in a_farm_s_logs():
            farm.arrive(row)
        real = farm.store.db
        farm.store.db = Dying(real, at)  # type: ignore[assignment]
        try:
            farm.step()
            ended = False
        except PowerCut:
            ended = True
        real.close()
        farm.journal.close()
        again = Farm(folder)
        again.catch_up()
        assert again.content() == wanted, f"ended at statement {at}"
        again.close()
        at += 7
    assert at > 50


def ends_at_each_statement(folder: Path, work: Callable[[Farm], object]) -> set[str]:
    """What the history holds after work that ended at any of its statements and was begun again."""
    found, at, ended = set(), 0, True
    while ended:
        farm = whole(folder / str(at))
        real = farm.store.db
        farm.store.db = Dying(real, at)  # type: ignore[assignment]
        ended = False
        try:
            work(farm)
        except PowerCut:
            ended = True
        real.close()
        farm.journal.close()
        again = Farm(folder / str(at))
        work(again)
        found.add(repr((again.content(), again.store.rigs())))
        again.close()
        at += 1
    assert at > 5
    return found


def test_an_end_while_rows_leave_or_move_changes_nothing(tmp_path: Path) -> None:
    wall_ms, passing = START + 50 * 3_600_000, itertools.count(step=3_600)

    def retire(farm: Farm) -> None:
        retention = Retention(
            farm.store, Keep(raw=49.8), monotonic=lambda: float(next(passing)), wall_ms=lambda: wall_ms
        )
        while retention.run():
            pass

    before = whole(tmp_path / "whole")
    count = len(before.content()["raw"])
    left = ends_at_each_statement(tmp_path, retire)
    assert len(left) == 1
    retire(before)
    assert left == {repr((before.content(), before.store.rigs()))}
    assert 0 < len(before.content()["raw"]) < count


def test_an_end_while_a_rig_is_forgotten_changes_nothing(tmp_path: Path) -> None:
    left = ends_at_each_statement(tmp_path, lambda farm: forget(farm.store, [7, 9], START))
    assert len(left) == 1


def test_where_rows_are_does_not_change_what_they_hold(tmp_path: Path) -> None:
    wanted = whole(tmp_path / "whole")
    farm = Farm(tmp_path / "moved")
    for row in a_farm_s_logs():
        farm.arrive(row)
        farm.step()
        with farm.store.transaction():
            for table in TABLES:
                farm.store.settle(table, row_id((START + 1_200_000) // TABLES[table] + 1, 0), 3)
    assert farm.content() == wanted.content()
    assert farm.store.db.execute("SELECT count(*) FROM raw").fetchone()[0] > 0
    for table, rows in wanted.content().items():
        assert list(farm.store.some(table, [row for row, _ in rows])) == rows  # type: ignore[arg-type]


_WRITER = """
import sys
from pathlib import Path
from history_helpers import Farm
farm = Farm(Path(sys.argv[1]))
print("ready", flush=True)
farm.catch_up()
"""


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    wanted = whole(tmp_path / "whole").content()
    folder = tmp_path / "killed"
    farm = Farm(folder)
    for row in a_farm_s_logs():
        farm.arrive(row)
    farm.close()
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    for wait_s in (0.0, 0.02, 0.05, 0.1):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(wait_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    again = Farm(folder)
    again.catch_up()
    assert content(folder / "history.db") == wanted


def test_a_step_that_is_repeated_changes_nothing(tmp_path: Path) -> None:
    farm = whole(tmp_path)
    before = farm.content()
    with farm.store.transaction():
        farm.store.set_note("position", 0)
    assert farm.step().taken == 0
    assert farm.content() == before


def test_a_journal_that_was_begun_again_is_read_from_its_beginning(tmp_path: Path) -> None:
    farm = whole(tmp_path)
    farm.journal.execute("DELETE FROM journal")
    farm.journal.execute("DELETE FROM sqlite_sequence")
    farm.arrive([(7, a_log(START + 7_200_000))])
    farm.step()
    assert any(farm.minutes(7, START + 7_200_000))


def test_rigs_that_are_no_more_are_passed_over(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {7: "cpu-gpu"})
    farm.arrive([(7, a_log(START)), (8, a_log(START))])
    assert farm.step().logs == 1
    assert farm.store.rigs() == [7]


def test_a_rig_that_cannot_be_read_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = steps.Merge.add

    def add(self: steps.Merge, logs: Any) -> None:
        if self._rig == 7:
            raise ValueError("unforeseen")
        real(self, logs)

    monkeypatch.setattr(steps.Merge, "add", add)
    farm = Farm(tmp_path)
    farm.arrive([(7, a_log(START)), (8, a_log(START))])
    assert farm.step().failed == 1
    assert farm.store.rigs() == [8]


def test_a_damaged_chunk_is_begun_again(tmp_path: Path) -> None:
    farm = whole(tmp_path)
    with farm.store.transaction():
        farm.store.db.execute("UPDATE raw_open SET body = x'00'")
        farm.store.db.execute("UPDATE minutes_open SET body = x'00'")
    farm.arrive([(7, a_log(START + 1))])
    assert farm.step().taken == 1
