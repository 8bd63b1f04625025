"""A machine without Python, as far as one can be had inside another: a root of its own, an empty environment, and the
few tools that every Linux has."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rigfarm.sentry.install import DATA_DIR, UNIT
from rigfarm.simulate.commander import CommanderProcess

__all__ = ["BareMachine", "line_of_a_new_rig", "rig"]

TOOLS = ("sh", "uname", "mktemp", "rm", "curl", "wget", "sha256sum", "id")
NOWHERE = "/nonexistent"
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9") | {"no_proxy": "127.0.0.1"}
"""Nothing but this machine can be reached: neither an index of packages nor anything else."""


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
            **OFFLINE,
        }  # fmt: skip
        done = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, timeout=110)
        self.said = done.stdout + done.stderr
        assert done.returncode == 0, self.said

    def never(self, what: str) -> Callable[[], str]:
        """For `until_now`: what never came, and what the service said."""
        return lambda: f"{what}\n{(self.folder / 'log').read_text()[-3000:]}"

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
            # As root: another user's way to the programs ends at the folders of this test.
            settings.write_text(f'ui = "off"\nprograms_user = "root"\n{settings.read_text()}')
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


def rig(commander: CommanderProcess) -> dict[str, object]:
    """The first rig of a farm, as the API gives it."""
    rigs = commander.api("GET", "/api/rigs")
    assert isinstance(rigs, dict | list)
    one = (rigs["rigs"] if isinstance(rigs, dict) else rigs)[0]
    answer = commander.api("GET", f"/api/rigs/{one['id']}")
    assert isinstance(answer, dict)
    return answer


def line_of_a_new_rig(commander: CommanderProcess, name: str) -> str:
    """Create it on the page, and copy what the dialog shows."""
    trusted = {"headers": {"Origin": commander.url}, "verify": not commander.tls}
    with httpx.Client(base_url=commander.url, timeout=60, **trusted) as browser:
        browser.post("/login", data={"password": commander.password})
        page = browser.get("/rigs/new").text
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
        assert csrf
        made = browser.post("/rigs", data={"name": name, "kind": "cpu-gpu", "csrf": csrf[1]})
    [shown] = re.findall(r'<code id="step-[^>]*>([^<]*)</code>', made.text)
    return html.unescape(shown)
