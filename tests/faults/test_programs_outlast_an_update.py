"""A Sentry that becomes another program, as when it is updated, stays the supervisor of what it mines with.

The runner, in a process of its own, replaces itself by execve. The mining program keeps its process id and its start;
the one that took over still sees its output and end, ends it when told, and nothing outlives it when it is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from rigfarm.sentry.playbooks.held import take_over
from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import PlaybookStatus
from support.program.depot import Depot
from support.program.rig import assigned_for
from support.until import until_now

_statuses = msgspec.json.Decoder(list[PlaybookStatus])


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one


class Runner:
    """The process, and what it says."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    def until(self, holds: Callable[[PlaybookStatus], bool]) -> PlaybookStatus:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            for status in _statuses.decode(line):
                if holds(status):
                    return status
        raise AssertionError("it ended")

    def replace(self, pid: int | None) -> None:
        """Have it become another program, which says that `pid` goes on."""
        log = self.folder / "sentry/playbooks/logs/1.log"
        said = f"the Sentry was replaced; pid {pid} goes on"

        def text() -> str:
            return log.read_text() if log.exists() else ""

        before = text().count(said)
        self.process.send_signal(signal.SIGHUP)
        until_now(lambda: text().count(said) > before, text)

    def processes(self) -> list[int]:
        return marked(f"{folder_id(self.folder / 'sentry/playbooks')}:")


@contextmanager
def mining(folder: Path, depot: Depot, template: str = "-o pool.test:3333", *, cgroup: bool) -> Iterator[Runner]:
    archive = archive_for(pack("tar.gz"), "tar.gz")
    depot.put(pack("tar.gz"), archive.path)
    (folder / "sentry/playbooks").mkdir(parents=True)
    (folder / "playbooks.json").write_bytes(msgspec.json.encode([assigned_for(archive, template=template)]))
    code = "import sys; from rigfarm.sentry.processes import cgroup; from support.program import rig\n"
    if not cgroup:
        code += "cgroup.make = lambda name: None\n"
    command = [sys.executable, "-c", f"{code}rig.main(*sys.argv[1:])", str(folder / "sentry"), depot.url, depot.token]
    process = subprocess.Popen([*command, str(folder / "playbooks.json")], stdout=subprocess.PIPE)
    try:
        yield Runner(folder, process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("cgroup", [True, False])
def test_it_mines_on_and_is_still_supervised(tmp_path: Path, depot: Depot, cgroup: bool) -> None:
    with mining(tmp_path, depot, cgroup=cgroup) as one:
        first = one.until(lambda status: status.state == "mining")
        assert first.pid is not None
        started = Path(f"/proc/{first.pid}/stat").read_text().split()[21]
        for _ in range(3):
            one.replace(first.pid)
            assert Path(f"/proc/{first.pid}/stat").read_text().split()[21] == started
        os.kill(first.pid, signal.SIGKILL)  # its end is seen, and it starts again
        again = one.until(lambda status: status.state == "mining" and status.pid not in (None, first.pid))
        assert again.restarts == 1
        one.replace(again.pid)
        one.process.kill()
        one.process.wait()
        until_now(lambda: one.processes() == [], lambda: f"left: {one.processes()}")


def test_it_ends_with_the_sentry_that_took_over(tmp_path: Path, depot: Depot) -> None:
    with mining(tmp_path, depot, cgroup=True) as one:
        first = one.until(lambda status: status.state == "mining")
        one.replace(first.pid)
        one.process.terminate()
        assert one.process.wait(20) == 0
        assert one.processes() == []


def test_what_cannot_be_read_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An incompatible hand-over costs a restart, and leaves no program without a supervisor."""
    left, right = os.pipe()
    memory = os.memfd_create("test")
    os.write(memory, b"not what it was")
    monkeypatch.setenv("RIGFARM_RUNNING", f"{memory}:{left}")
    assert take_over() == []
    assert "RIGFARM_RUNNING" not in os.environ
    for closed in (memory, left):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(closed)
    os.close(right)
