"""A program of ours in a process of its own, that a test, a benchmark or the demo ends again."""

from __future__ import annotations

import signal
import subprocess
from typing import Protocol

__all__ = ["Running", "StartedProcess"]


class Running(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """The exit status, once there is one."""

    def wait(self, timeout: float | None = None) -> int:
        """Until it ended. subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """While it runs."""

    def kill(self) -> None:
        """kill -9."""


class StartedProcess:
    """What is started sets `_process`."""

    _process: Running | None = None
    _ends_within_s = 60.0

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and make sure that it does."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self._ends_within_s)
        except subprocess.TimeoutExpired:
            self.kill()
