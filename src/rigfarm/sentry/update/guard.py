"""Ends a new Sentry that its Commander has not welcomed in time, so that the one before starts again.

Run as a file, by the Sentry that was there before, with its Python: standard library only, and nothing of the program
on trial. It ends by itself when the trial is over, or when that Sentry has ended anyway.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

ENDS_WITHIN_S = 10.0
LOOK_EVERY_S = 0.5


def on_trial(folder: str) -> bool:
    """Whether that is still what the file says; one that cannot be read says nothing."""
    try:
        with open(os.path.join(folder, "state.json"), encoding="utf-8") as file:
            return bool(json.load(file).get("on_trial", False))
    except (OSError, ValueError):
        return False


def ended(process: int, within_s: float) -> bool:
    """Whether the process ends within this time."""
    return bool(select.select([process], [], [], within_s)[0])


def note(folder: str, why: str) -> None:
    """For the next start; without it, that is one more try."""
    try:
        with open(os.path.join(folder, "failed"), "w", encoding="utf-8") as file:
            file.write(why)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return


def watch(folder: str, pid: int, deadline_s: float) -> None:
    """Until one of three things has happened."""
    process = os.pidfd_open(pid)
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if ended(process, LOOK_EVERY_S) or not on_trial(folder):
            return
    note(folder, f"the Commander had not welcomed it after {deadline_s:.0f} s")
    signal.pidfd_send_signal(process, signal.SIGTERM)
    if not ended(process, ENDS_WITHIN_S):
        signal.pidfd_send_signal(process, signal.SIGKILL)


if __name__ == "__main__":
    if os.fork():  # no child of the Sentry's
        os._exit(0)
    watch(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
