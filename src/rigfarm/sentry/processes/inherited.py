"""What a process keeps when it becomes another program (execve): its number, its children, and open descriptors.

So a Sentry that is updated stays the supervisor of its mining programs: their shims see no end of it.
"""

from __future__ import annotations

import os
import subprocess
import time

from msgspec import Struct

__all__ = ["Child", "Running"]

_LOOK_EVERY_S = 0.02


class Running(Struct, frozen=True):
    """A program that runs, as the next program of this process finds it."""

    pid: int
    descriptor: int
    """Our end of its shim's socket."""
    shim: int | None = None
    """Our child; None: systemd started it."""
    cgroup: str | None = None
    unit: str | None = None
    notes: list[str] = []


class Child:
    """A child that the program before us started, with what `subprocess.Popen` offers for one of our own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self, timeout: float | None = None) -> None:
        """Collect it; returns at once if someone else did. Blocks. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                pid, _ = os.waitpid(self.pid, 0 if deadline is None else os.WNOHANG)
            except ChildProcessError:
                return
            if pid:
                return
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0.0)
            time.sleep(_LOOK_EVERY_S)

    def kill(self) -> None:
        """End it; it is our child until it is collected, so its number is still its own."""
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            return
