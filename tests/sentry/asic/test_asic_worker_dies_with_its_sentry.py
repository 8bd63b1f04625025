"""A pyasic that hangs hears nothing any more, also not that its stdin ended: it dies with its Sentry all the same."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

HANGS = """
import os, pathlib, time
pathlib.Path(os.environ["HANGS"]).touch()
time.sleep(600)
"""
SENTRY = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-m", "rigfarm.sentry.asic.readers.pyasic_worker"], stdin=subprocess.PIPE)
print(worker.pid, flush=True)
time.sleep(600)
"""


def test_kill_minus_nine_while_it_hangs(tmp_path: Path) -> None:
    (tmp_path / "pyasic.py").write_text(HANGS)
    environment = {"PYTHONPATH": str(tmp_path), "HANGS": str(tmp_path / "hangs")}
    with subprocess.Popen([sys.executable, "-c", SENTRY], env=environment, stdout=subprocess.PIPE) as sentry:
        assert sentry.stdout is not None
        worker = psutil.Process(int(sentry.stdout.readline()))
        deadline = time.monotonic() + 60
        while not (tmp_path / "hangs").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sentry.kill()
    try:
        gone, _ = psutil.wait_procs([worker], timeout=30)
        assert gone == [worker]
    finally:
        if worker.is_running():
            worker.kill()
