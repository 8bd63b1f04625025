"""A machine without Python, as far as one can be had inside another: a root of its own, an empty environment, and the
few tools that every Linux has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigfarm.sentry.install import DATA_DIR, UNIT

__all__ = ["BareMachine"]

TOOLS = ("sh", "uname", "mktemp", "rm", "curl", "wget", "sha256sum", "id")
NOWHERE = "/nonexistent"


class BareMachine:
    """What would be its file system is below `root`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.home = folder / "home"
        self._tools = folder / "tools"
        for made in (self.root, self.home, self._tools):
            made.mkdir()
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self._tools / tool).symlink_to(found)
        (self._tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
        (self._tools / "sudo").chmod(0o755)
        self.said = ""

    def paste(self, line: str) -> None:
        """Run a line as a person's shell does."""
        environment = {
            "PATH": str(self._tools), "HOME": str(self.home), "TMPDIR": str(self.home), "RIGFARM_ROOT": str(self.root),
        }  # fmt: skip
        done = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, timeout=110)
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, self.said

    @property
    def data(self) -> Path:
        """The Sentry's data folder."""
        return self.root / DATA_DIR.relative_to("/")

    @property
    def program(self) -> Path:
        """Where the bundle was unpacked."""
        [found] = (self.root / "opt/rigfarm").iterdir()
        return found

    @property
    def service(self) -> tuple[list[str], dict[str, str]]:
        """What systemd would run, and with which environment, seen from outside."""
        unit = (self.root / "etc/systemd/system" / UNIT).read_text()
        start = re.search(r"^ExecStart=/(.*)$", unit, re.MULTILINE)
        assert start
        program, *arguments = start[1].split()
        return [str(self.root / program), *arguments], {"PATH": NOWHERE, "RIGFARM_DATA_DIR": str(self.data)}

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The service, as long as the block."""
        command, environment = self.service
        settings = self.data / "sentry.toml"
        if "ui =" not in settings.read_text():
            settings.write_text(f'ui = "off"\n{settings.read_text()}')
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def rigfarm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its command, with nothing around it."""
        environment = {"PATH": NOWHERE, "RIGFARM_ROOT": str(self.root), "RIGFARM_DATA_DIR": str(self.data)}
        command = [str(self.program / "bin/rigfarm"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def files(self) -> list[str]:
        """Everything that is on it."""
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.root)
            for folder, _, names in os.walk(self.root)
            for name in names
        )
