"""A Commander that is killed at any step of sending a report sends it after the next start, and has one row for it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.until import until_now

pytestmark = pytest.mark.slow

KILLS = """
import os, pathlib, signal, types
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.reports.schedule import rows, schedules
folder = pathlib.Path({folder!r})
def die(step):
    if (folder / step).exists():
        (folder / step).unlink()
        os.kill(os.getpid(), signal.SIGKILL)
async def send(self, channel_id, title, body):
    die("before it is handed over")
    with open(folder / "sent", "a") as file:
        file.write(title + chr(10))
    die("before the answer is stored")
    return types.SimpleNamespace(ok=True, answer="taken")
Channels.send = send
load_open = rows.load_open
async def looked(tx):
    found = await load_open(tx)
    if found:
        die("before it is marked")
    return found
rows.load_open = looked
schedules.LOOK_S, schedules.PATIENCE_MS, schedules.LATE_MS, schedules.BACKOFF_MS = 0.1, 0, 10**12, (200,) * 5
"""
STEPS = {"before it is marked": 1, "before it is handed over": 1, "before the answer is stored": 2}
"""How often the service gets it: in the last case nobody can know whether it arrived."""


@pytest.fixture
def commander(tmp_path: Path) -> Iterator[CommanderProcess]:
    """With a schedule whose time has come; not running."""
    one = CommanderProcess(tmp_path / "commander", mutation=KILLS.format(folder=str(tmp_path)))
    with one:
        channel = one.api("POST", "/api/alert-channels", {"name": "phone", "url": "json://127.0.0.1:9"})
        assert isinstance(channel, dict)
        one.api("POST", "/api/reports/schedules", {"channel": channel["id"], "at": "00:00", "every": "month"})
    with sqlite3.connect(one.folder / "rigfarm.db") as db:
        db.execute("UPDATE report_schedules SET since_ms = 0")
    yield one
    one.stop()


@pytest.mark.parametrize("step", STEPS)
def test_it_is_sent_and_written_down_once(commander: CommanderProcess, tmp_path: Path, step: str) -> None:
    sent = tmp_path / "sent"
    (tmp_path / step).touch()
    with contextlib.suppress(RuntimeError):  # it may be killed before it is ready
        commander.start()
    until_now(lambda: not (tmp_path / step).exists())
    commander.kill()
    commander.start()
    until_now(lambda: _rows(commander) == [("sent", "taken")])
    assert len(sent.read_text().splitlines()) == STEPS[step]


def _rows(commander: CommanderProcess) -> list[tuple[str, str]]:
    db = sqlite3.connect(f"file:{commander.folder / 'rigfarm.db'}?mode=ro", uri=True)
    try:
        return db.execute("SELECT state, answer FROM report_messages").fetchall()
    finally:
        db.close()
