"""Commanders that start in a tenth of the time: forks of one process in which everything is imported already.

Each is a process of its own all the same, with its own environment, output and exit status. A test whose Commander is
broken on purpose, or whose Python is set up otherwise, gets an interpreter of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

__all__ = ["launch"]

LATE = ("alembic.command", "litestar.plugins.pydantic", "sqlalchemy.dialects.sqlite.aiosqlite", "uvloop")
"""What libraries import when they are used."""
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


class Forked:
    """What `subprocess.Popen` is for a process that another one started."""

    def __init__(self, warm: Warm, pid: int) -> None:
        self._warm = warm
        self.pid = pid
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit status, once there is one; negative after a signal."""
        if self.returncode is None and select.select([self._fd], [], [], 0)[0]:
            self.returncode = self._warm.ended(self.pid)
            os.close(self._fd)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it ended. subprocess.TimeoutExpired."""
        if self.returncode is None and not select.select([self._fd], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a warm Commander", timeout or 0.0)
        found = self.poll()
        assert found is not None
        return found

    def send_signal(self, sig: int) -> None:
        """To it, and to nothing that has its number later."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._fd, sig)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class Warm:
    """The process that imported everything, from the first Commander on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, arguments: list[str], environment: dict[str, str], log: str) -> Forked:
        """`rigfarm` with these arguments, whose output is added to a file."""
        return Forked(self, self._ask({"arguments": arguments, "environment": environment, "log": log}))

    def ended(self, pid: int) -> int:
        """The exit status of a process that has ended."""
        return self._ask({"pid": pid})

    def _ask(self, question: dict[str, object]) -> int:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "support.warm"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


_warm = Warm()


def launch(arguments: list[str], environment: dict[str, str], log: Path) -> Forked | None:
    """`rigfarm` with these arguments; None where only a Python of its own would do."""
    wanted = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    alike = wanted == {name: value for name, value in os.environ.items() if name.startswith("PYTHON")} | UNBUFFERED
    return _warm.start(arguments, environment, str(log)) if alike else None


def _import_all() -> None:
    import rigfarm.commander

    for name in LATE:
        importlib.import_module(name)
    for found in pkgutil.walk_packages(rigfarm.commander.__path__, "rigfarm.commander."):
        if ".migrations." not in found.name:  # scripts, that their tool runs
            importlib.import_module(found.name)
    from rigfarm.commander.frame import page_templates
    from rigfarm.commander.storage import sqlite
    from support.ready_database import create_file, ready

    ready()
    sqlite.create_file = create_file

    templates = page_templates()
    for name in templates.list_templates():
        templates.get_template(name)
    assert threading.active_count() == 1, "a thread would not live on in a fork"
    gc.collect()
    gc.freeze()


def _become(arguments: list[str], environment: dict[str, str], path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)  # type: ignore[union-attr] # they are text files here
    sys.argv = ["rigfarm", *arguments]
    from rigfarm.cli import main

    main(prog_name="rigfarm")


def _serve(questions: TextIO, answers: TextIO) -> None:
    children: set[int] = set()
    for line in questions:
        question = json.loads(line)
        if "pid" in question:
            _, status = os.waitpid(question["pid"], 0)
            children.discard(question["pid"])
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                answers.close()
                _become(question["arguments"], question["environment"], question["log"])
                return
            children.add(answer)
        answers.write(f"{answer}\n")
        answers.flush()
    for pid in children:  # whoever asked for them is gone
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        _import_all()
        _serve(sys.stdin, answers)
