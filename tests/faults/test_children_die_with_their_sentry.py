"""Row 6: a mining program never outlives its Sentry, and mining resumes by itself.

The Sentry (a process with the real runner) is killed with SIGKILL in every state of a playbook whose program forks,
starts sessions, double-forks and ignores SIGTERM. Two seconds later no process of its may be left; the next Sentry must
mine within five; never may two instances run. The control ends programs by a plain terminate().
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from promise import record, scaled

from rigfarm.sentry.processes import shim
from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import PlaybookStatus
from support.program.depot import Depot
from support.program.processes import alive, said
from support.program.rig import assigned_for

HOSTILE = "--behave fork,setsid,double-fork,ignore-term,{more} --pids {folder}/pids --instance {folder}/instance"
STATES = ("downloading", "verifying", "unpacking", "starting", "mining", "stopped")
GONE_WITHIN_S = 2.0
MINING_WITHIN_S = 5.0


class Sentry:
    """A Sentry in a process of its own, and what is left when it is not."""

    def __init__(self, folder: Path, depot: Depot, *, cgroup: bool, patched_shim: Path | None = None) -> None:
        self.folder = folder
        self.depot = depot
        code = "import sys; from rigfarm.sentry.processes import cgroup, shim; from support.program import rig\n"
        if not cgroup:
            code += "cgroup.make = lambda name: None\n"
        if patched_shim is not None:
            code += f"shim.__file__ = {str(patched_shim)!r}\n"
        self._command = [sys.executable, "-c", f"{code}rig.main(*sys.argv[1:])"]
        (folder / "sentry" / "playbooks").mkdir(parents=True, exist_ok=True)

    @contextmanager
    def running(self, playbooks: list[object] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        arguments = [str(self.folder / "sentry"), self.depot.url, self.depot.token]
        if playbooks is not None:
            (self.folder / "playbooks.json").write_bytes(msgspec.json.encode(playbooks))
            arguments.append(str(self.folder / "playbooks.json"))
        process = subprocess.Popen([*self._command, *arguments], stdout=subprocess.PIPE)
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def processes(self) -> set[int]:
        """Those that carry the mark, and those that said their pid, whether or not they still carry it."""
        found = set(marked(f"{folder_id(self.folder / 'sentry' / 'playbooks')}:"))
        return found | alive(said(self.folder / "pids"))

    def doubles(self) -> int:
        path = self.folder / "instance.double"
        return len(path.read_text().splitlines()) if path.exists() else 0


def states_of(sentry: subprocess.Popen[bytes]) -> Iterator[PlaybookStatus]:
    assert sentry.stdout is not None
    for line in sentry.stdout:
        yield from msgspec.json.decode(line, type=list[PlaybookStatus])


def gone_after(sentry: Sentry, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while sentry.processes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill_in_state(sentry: Sentry, state: str, playbooks: list[object] | None, delay_s: float) -> None:
    """SIGKILL the Sentry when it says it is in this state, or anything later."""
    with sentry.running(playbooks) as process:
        for status in states_of(process):
            if status.state == state or status.state in ("mining", "stopped"):
                break
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)


def resumes(sentry: Sentry) -> bool:
    """Whether a new Sentry mines soon, by what is on disk alone."""
    began = time.monotonic()
    with sentry.running() as process:
        for status in states_of(process):
            if status.state == "mining":
                return time.monotonic() - began <= MINING_WITHIN_S
            if time.monotonic() - began > MINING_WITHIN_S:
                return False
    return False


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one


def scenes(count: int, seed: int = 6) -> Iterator[tuple[str, bool, str, float]]:
    """State to be killed in, with a cgroup or without, with the environment or without it, and how long after."""
    chance = random.Random(seed)
    for number in range(count):
        state = STATES[number % len(STATES)]
        cgroup = number % 4 == 3
        yield state, cgroup, "clean-env" if number % 3 else "none", chance.uniform(0, 0.15)


@pytest.mark.timeout(3600)
def test_no_process_outlives_a_killed_sentry_and_the_next_one_mines(tmp_path: Path, depot: Depot) -> None:
    content = pack("tar.gz")
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    bad: list[str] = []
    count = scaled(6, 500)
    for number, (state, cgroup, more, delay_s) in enumerate(scenes(count)):
        folder = tmp_path / str(number)
        folder.mkdir()
        sentry = Sentry(folder, depot, cgroup=cgroup)
        wanted = "stopped" if state == "stopped" else "running"
        order = assigned_for(archive, template=HOSTILE.format(folder=folder, more=more), wanted=wanted)
        kill_in_state(sentry, state, [order], delay_s)
        if not gone_after(sentry, GONE_WITHIN_S):
            bad.append(f"{number}: {state}: left {sentry.processes()}")
        if wanted == "running" and not resumes(sentry):
            bad.append(f"{number}: {state}: no mining within {MINING_WITHIN_S} s")
        if not gone_after(sentry, GONE_WITHIN_S):
            bad.append(f"{number}: {state}: left after the second kill {sentry.processes()}")
        if sentry.doubles():
            bad.append(f"{number}: {state}: two instances")
    left = plain_terminate_leaves(tmp_path / "control", depot)
    assert left >= 6, "the control must be caught, else the test sees nothing"
    record(
        6,
        "a mining program never outlives its Sentry, and mining resumes within 5 s",
        n=count,
        bad=len(bad),
        control="plain terminate()",
        control_bad=f"{left} processes left of one program",
        unit="kills",
    )
    assert bad == []


PLAIN_TERMINATE = '''
def sweep(cgroup, reaped):
    """The mutation: what most agents do."""
    children = [pid for pid in below(os.getpid()) if parent_of(pid) == os.getpid()]
    send(signal.SIGTERM, children)
    return []


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


if __name__ == "__main__":
'''


def mutated(folder: Path, mutation: str) -> Path:
    """The shim with other code put before its start."""
    text = Path(shim.__file__).read_text()
    marker = 'if __name__ == "__main__":\n'
    assert text.count(marker) == 1
    path = folder / "shim.py"
    path.write_text(text.replace(marker, mutation.lstrip()))
    return path


def plain_terminate_leaves(folder: Path, depot: Depot) -> int:
    """The control: with `terminate()` in place of the sweep the same check must fail."""
    folder.mkdir()
    content = pack("tar.gz")
    archive = archive_for(content, "tar.gz")
    sentry = Sentry(folder, depot, cgroup=False, patched_shim=mutated(folder, PLAIN_TERMINATE))
    order = assigned_for(archive, template=HOSTILE.format(folder=folder, more="none"))
    kill_in_state(sentry, "mining", [order], 0.1)
    gone = gone_after(sentry, GONE_WITHIN_S)
    left = sentry.processes()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return 0 if gone else len(left)
