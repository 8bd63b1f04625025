"""Every shell block of README.md and docs/ is run as it is written, line by line, on a machine that has nothing of
ours: a reader pastes it. What cannot run here is listed with the reason, so that no new line is forgotten."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SYSTEMD = "needs a running systemd: tests/service starts the installed units"
LOCAL = ".local/share/rigfarm/commander"

LEFT_OUT = {
    "make test ": "it would run this test again; CI runs it",
    ".venv/bin/python tools/bundle dist --python --machine aarch64": "it is for another kind of machine",
    "sudo systemctl ": SYSTEMD,
    "sudo apt install ./rigfarm_": "tests/service/test_the_debian_package.py installs it, with dpkg",
    "sudo rigfarm sentry install": SYSTEMD,
    "echo 'allow_users": "for an installed Sentry, as the line after it",
    **dict.fromkeys(
        ("curl -fsS", "UUID=", "PLAN=", "for attempt", "RIG=", "jq -r"),
        "needs a Commander: tests/test_examples_of_the_api.py and test_examples_of_moving_in.py run them",
    ),
    **dict.fromkeys(
        (
            *("rigfarm login", "rigfarm rigs", "rigfarm asics", "rigfarm alerts", "rigfarm commands"),
            *("rigfarm playbooks", "rigfarm assignments", "rigfarm history", "rigfarm activity", "eval", "echo '{"),
            *("rigfarm software", "rigfarm addresses", "rigfarm circuits"),
        ),
        "needs a Commander: tests/client/test_the_command_line.py runs them",
    ),
    "curl -X PUT -H": "it names a key, a host and a rig of the reader's",
    **dict.fromkeys(
        ("sudo python3 -m venv", "sudo /opt/rigfarm/bin/"), "of a release: tests/test_a_release_installs.py runs them"
    ),
    "sudo install -d -o rigfarm-commander": "the user belongs to the installed service",
    "sudo rigfarm commander --data-dir /var/lib/rigfarm-commander ": "as the user of the installed service; the same "
    "commands with another data folder: tests/commander/backup, tests/commander/auth/test_the_command.py",
}
"""How a line begins -> why it is not run here."""


def documented() -> list[tuple[str, str]]:
    """(file, line) of every line to paste, in order."""
    return [
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in TEXTS
        for block in FENCE.findall(path.read_text())
        for line in block.replace("\\\n", "").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


def left_out(line: str) -> str:
    return next((why for begin, why in LEFT_OUT.items() if line.startswith(begin)), "")


LINES = documented()
RUN = [one for one in LINES if not left_out(one[1])]


def test_every_line_is_run_or_says_why_not() -> None:
    """A reason that fits no line any longer has to go, too."""
    assert {line.partition("  #")[0].strip() for _, line in RUN} == {
        "make demo",
        "make bundle && cp dist/rigfarm-sentry-* ~/.local/share/rigfarm/commander/bundles/",
        "make bundle",
        "cp dist/rigfarm-sentry-* ~/.local/share/rigfarm/commander/bundles/",
        "sudo git clone . /opt/rigfarm",
        "sudo make -C /opt/rigfarm install",
        "sudo /opt/rigfarm/.venv/bin/rigfarm commander install",
        "sudo git -C /opt/rigfarm pull",
        "rigfarm commander backup ~/farm-2026-11-30.backup",
    }
    assert [begin for begin in LEFT_OUT if not any(line.startswith(begin) for _, line in LINES)] == []


class Machine:
    """A home, a root file system for what is installed, and a checkout: empty but for the sources."""

    def __init__(self, folder: Path) -> None:
        self.home, self.root, self.checkout = folder / "home", folder / "root", folder / "checkout"
        tools = folder / "bin"
        for path in (self.home, self.root / "etc" / "systemd" / "system", self.root / "run" / "systemd", tools):
            path.mkdir(parents=True)
        sudo = tools / "sudo"
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
        self.prefix = Path(tempfile.mkdtemp(prefix="rigfarm-documented-", dir="/opt")) / "rigfarm"
        """Not in a temporary folder: no service is installed from there."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "npm_", "LANG"))}
        settings = Path.home() / ".config" / "pip" / "pip.conf"
        if settings.exists():
            kept.setdefault("PIP_CONFIG_FILE", str(settings))
        path = f"{tools}:{self.prefix}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        python = Path(shutil.which("python3") or "/usr/bin/python3").parent
        self.environment = {**kept, "HOME": str(self.home), "PATH": f"{path}:{python}", "RIGFARM_ROOT": str(self.root)}
        clone = ["git", "clone", "--quiet", str(ROOT), str(self.checkout)]
        subprocess.run(clone, check=True)
        for name in self._changed():  # what is not committed yet is documented, too
            target = self.checkout / name
            if (ROOT / name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)

    @staticmethod
    def _changed() -> list[str]:
        git = ["git", "-C", str(ROOT), "ls-files", "--modified", "--others", "--exclude-standard"]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.splitlines()

    def start(self, line: str) -> subprocess.Popen[str]:
        """The line, as bash takes it; only /opt is elsewhere."""
        return subprocess.Popen(
            ["bash", "-c", line.replace("/opt/rigfarm", str(self.prefix))],
            cwd=self.checkout, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, line: str, within_s: float = 1200) -> str:
        """What it printed; it must succeed."""
        with self.start(line) as process:
            try:
                said, _ = process.communicate(timeout=within_s)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, f"{line}\n{said[-3000:]}"
        return said

    def until_it_says(self, process: subprocess.Popen[str], words: str, within_s: float) -> None:
        """Read what it prints until these words."""
        assert process.stdout is not None
        said, give_up = "", time.monotonic() + within_s
        while words not in said:
            assert time.monotonic() < give_up, f"never said {words!r}:\n{said[-3000:]}"
            if select.select([process.stdout], [], [], 1.0)[0]:
                chunk = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
                assert chunk, f"it ended:\n{said[-3000:]}"
                said += chunk

    def interrupt(self, process: subprocess.Popen[str]) -> None:
        """Ctrl-C, to all that the terminal holds."""
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=120)

    def left(self) -> list[str]:
        """Processes that still work in this machine's folders."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"HOME={self.home}\0".encode() in path.read_bytes():
                    found.append((path.parent / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("installs into a root file system: run as root")
    machine = Machine(tmp_path_factory.mktemp("machine"))
    yield machine
    shutil.rmtree(machine.prefix.parent)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_service_is_installed_and_upgraded(machine: Machine) -> None:
    for where in ("docs/running-a-commander.md", "docs/upgrade.md"):
        lines = [line for path, line in RUN if path == where]
        assert lines
        for line in lines:
            said = machine.run(line)
        assert "The Commander runs" in said, where
    unit = machine.root / "etc/systemd/system/rigfarm-commander.service"
    assert f"ExecStart={machine.prefix}/.venv/bin/rigfarm commander" in unit.read_text()


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_farm_is_backed_up(machine: Machine) -> None:
    (line,) = [line for path, line in RUN if path == "docs/backup.md"]
    process = machine.start("RIGFARM_HOST=127.0.0.1 RIGFARM_PORT=0 rigfarm commander")
    machine.until_it_says(process, "runs at https://", 120)
    machine.run(line)
    machine.interrupt(process)
    assert (machine.home / "farm-2026-11-30.backup").stat().st_size > 10_000
    assert (machine.home / LOCAL / "bundles").is_dir(), "the README copies bundles there"
    assert machine.left() == []


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_demo_lives_and_leaves_nothing_behind(machine: Machine) -> None:
    (line,) = [line for path, line in RUN if path == "README.md" and line.startswith("make demo")]
    process = machine.start(line)
    machine.until_it_says(process, "Ctrl-C ends it.", 1200)
    machine.interrupt(process)
    assert machine.left() == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", ["README.md", "docs/joining-a-rig.md"])
def test_a_bundle_is_built_and_put_where_the_commander_looks(machine: Machine, where: str) -> None:
    (machine.home / LOCAL / "bundles").mkdir(parents=True, exist_ok=True)  # made at the Commander's first start
    for bundle in (machine.home / LOCAL / "bundles").iterdir():
        bundle.unlink()
    for line in [line for path, line in RUN if path == where and "bundle" in line]:
        machine.run(line, 3000)
    assert [
        path.name for path in (machine.home / LOCAL / "bundles").iterdir() if path.name.startswith("rigfarm-sentry-")
    ]
