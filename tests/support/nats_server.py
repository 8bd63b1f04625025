"""A real NATS server with JetStream for one test; it can be killed, stopped for a while and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

from rigfarm.simulate.commander import free_port
from support.until import until_now

__all__ = ["NatsServer"]


class NatsServer:
    """`with NatsServer(folder) as server:`; what it stored stays in the folder."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
        if program is None:
            pytest.skip("nats-server is not installed (apt-get install nats-server)")
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._log = folder / "nats.log"
        self._line = [program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(folder / "nats")]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it listens."""
        self._log.write_text("")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._line, stdout=log, stderr=subprocess.STDOUT)
        until_now(lambda: "Server is ready" in self._log.read_text(), self._log.read_text)

    def kill(self) -> None:
        """As if its machine had died."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, for example."""
        if self._process is not None:
            self._process.send_signal(number)

    def __enter__(self) -> NatsServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
