"""A real Sentry in a process of its own, as `rigfarm sentry run` starts it on a rig."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.program.reach import let_programs_in
from rigfarm.simulate.started import StartedProcess

__all__ = ["SentryProcess"]


class SentryProcess(StartedProcess):
    """`with SentryProcess(folder, url, token) as sentry:` joins that Commander and runs; kill it, start it again."""

    def __init__(self, folder: Path, url: str, token: str, *, ui: str = "off", mutation: str = "") -> None:
        """`ui` is the address of its page; `mutation` is Python that is run first: how a control breaks it."""
        self.folder = folder
        self._ui = ui
        self._mutation = mutation
        let_programs_in(folder)
        self.log = folder.with_suffix(".log")
        self._url = url
        self._token = token
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SentryProcess:
        self._call("join", self._url, "--insecure-http", RIGFARM_TOKEN=self._token)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("run", mutation=self._mutation),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """Of the running Sentry."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> list[int]:
        """Every process of its playbooks, supervisors included."""
        return marked(f"{folder_id(self.folder / 'playbooks')}:")

    def _call(self, *arguments: str, **environment: str) -> None:
        done = subprocess.run(
            self._command(*arguments), env=self._environment() | environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"rigfarm sentry {arguments[0]}: {done.stderr or done.stdout}")

    def _command(self, *arguments: str, mutation: str = "") -> list[str]:
        start = ["-c", f"{mutation}\nfrom rigfarm.cli import main\nmain()"] if mutation else ["-m", "rigfarm.cli"]
        return [sys.executable, *start, "sentry", *arguments, "--data-dir", str(self.folder)]

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RIGFARM_")}
        return {**clean, "RIGFARM_UI": self._ui, "PYTHONUNBUFFERED": "1"}
