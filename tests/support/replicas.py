"""Real replicas of one farm: processes with a PostgreSQL and a NATS that they share."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rigfarm.simulate.commander import CommanderProcess
from support.until import until_now

__all__ = ["ReplicaProcess", "replicas"]


class ReplicaProcess(CommanderProcess):
    """Started when it answers at all; `leads` says whether it is the one."""

    def ready(self) -> bool:
        """Whether its process answers."""
        return self._answers("/healthz")

    @property
    def leads(self) -> bool:
        """Whether it is the one that leads."""
        return self._answers("/leads")

    def run(self, *arguments: str) -> None:
        """A command of `rigfarm commander` with its settings."""
        line = [sys.executable, "-m", "rigfarm.cli", "commander", *arguments]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def freeze(self) -> None:
        """As a machine that swaps, or a virtual one that is moved."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=1, context=self.context):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def replicas(
    folder: Path, count: int, settings: dict[str, str], mutation: str = ""
) -> Iterator[Sequence[ReplicaProcess]]:
    """So many, of which the first leads; the others are set up as docs/scale.md says. They run while the block does.
    `mutation` is Python that is run before each starts."""
    with ExitStack() as stack:
        made: list[ReplicaProcess] = []
        for number in range(count):
            name = f"replica-{number + 1}"
            one = ReplicaProcess(
                folder / name, settings={**settings, "replica_name": name}, mutation=mutation, fresh=True
            )
            if made:
                file = folder / f"{name}.backup"
                made[0].run("backup", str(file), "--archives")
                one.run("restore", str(file))
                file.unlink()
            stack.enter_context(one)
            if not made:
                until_now(partial(_leads, one), one.log.read_text)
            made.append(one)
        yield made


def _leads(one: ReplicaProcess) -> bool:
    return one.leads
