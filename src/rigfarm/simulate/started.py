"""A program of ours in a process of its own, that a test, a benchmark or the demo ends again."""

from __future__ import annotations

import signal
import subprocess

__all__ = ["StartedProcess"]


class StartedProcess:
    """What is started sets `_process`."""

    _process: subprocess.Popen[bytes] | None = None
    _ends_within_s = 10.0

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
