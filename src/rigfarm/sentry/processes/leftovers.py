"""Processes of ours that are not looked after any more, found by the mark in their environment, and ended.

The mark is `RIGFARM_PLAYBOOK=<folder>:<playbook>`; every descendant of a program inherits it. `<folder>` names the
Sentry's data folder, so two Sentries on one machine leave each other's alone.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

from rigfarm.sentry.processes.acting import as_owner_of

__all__ = ["MARK", "end_marked", "folder_id", "marked"]

MARK = "RIGFARM_PLAYBOOK"


def folder_id(folder: Path) -> str:
    """A name for a data folder that a restarted Sentry finds again without having written it down anywhere."""
    status = folder.stat()
    text = f"{status.st_dev}:{status.st_ino}:{folder.resolve()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def marked(mark: str) -> list[int]:
    """The processes that have this mark, or with `<folder>:` any of that folder; ourselves excepted.

    Zombies have no environment and do not count.
    """
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _has(int(name), mark)]


def end_marked(mark: str, limit_s: float = 5.0) -> list[int]:
    """End them all; those that are still there after `limit_s`, normally none. Blocks."""
    deadline = time.monotonic() + limit_s
    pause = 0.005
    while found := marked(mark):
        if time.monotonic() > deadline:
            return found
        for pid in found:
            _kill(pid, mark)
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return []


def _has(pid: int, mark: str) -> bool:
    if pid == os.getpid():
        return False
    sought = f"{MARK}={mark}".encode()
    try:
        environment = as_owner_of(pid, Path(f"/proc/{pid}/environ").read_bytes)
    except OSError:
        return False  # gone, or another's
    entries = environment.split(b"\0")
    return any(entry.startswith(sought) for entry in entries) if mark.endswith(":") else sought in entries


def _kill(pid: int, mark: str) -> None:
    """By a descriptor, so that a number that was given to another process meanwhile is not hit."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _has(pid, mark):
            as_owner_of(pid, lambda: signal.pidfd_send_signal(process, signal.SIGKILL))
    except OSError:
        return  # gone, or it cannot be ended: who asked looks again
    finally:
        os.close(process)
