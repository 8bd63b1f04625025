"""`make soak` for a minute: a farm takes what happens at random, and a Commander that loses something is found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[1]
FORGETS = """
from rigfarm.commander.logs.journal import Journal
add, frames = Journal.add, []
def forgets(self, spool, taken, rigs, logs, frame, receipt):
    frames.append(frame)
    if len(frames) % 10:
        return add(self, spool, taken, rigs, logs, frame, receipt)
    receipt(*frame)
Journal.add = forgets
"""
"""Every tenth frame is acknowledged, and not stored."""


def _soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "soak"), "--rigs", "3", "--seed", "7", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)


def test_a_farm_takes_whatever_happens(tmp_path: Path) -> None:
    ran = _soak("--hours", "0.02", "--folder", str(tmp_path / "farm"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = re.search(
        r"Everything held: seed 7, .* (\d+) mishaps in (\d+) rounds, ([\d,]+) acknowledged logs", ran.stdout
    )
    assert said, ran.stdout
    assert int(said[1]) >= int(said[2]) >= 1
    assert int(said[3].replace(",", "")) > 50


def test_what_does_not_hold_is_said_with_all_that_led_to_it(tmp_path: Path) -> None:
    (tmp_path / "mutation.py").write_text(FORGETS)
    folder = tmp_path / "farm"
    ran = _soak("--hours", "0.02", "--folder", str(folder), "--mutation", str(tmp_path / "mutation.py"))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "BROKEN: an acknowledged log is stored exactly once" in ran.stdout
    assert "seed 7; what happened, in order:" in ran.stdout
    assert f"The data folder is kept: {folder}" in ran.stdout
    assert (folder / "commander" / "journal.db").exists()
