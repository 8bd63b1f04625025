"""Which program runs: decided at each start by the installed one, which no update replaces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import structlog
from msgspec.structs import replace

from rigfarm.sentry.agent.parts import Part, Successor
from rigfarm.sentry.playbooks.held import hand_on
from rigfarm.sentry.rig.this_machine import ThisMachine
from rigfarm.sentry.update import guard
from rigfarm.sentry.update.state import FAILED, Release, State, clear, folder_of, load, save

__all__ = ["LAUNCHED", "MAX_TRIES", "TRIAL_S", "launch", "succeed"]

MAX_TRIES = 2
"""The second is for a rig that lost power during the first."""
TRIAL_S = 120.0
"""A new Sentry is welcomed by its Commander within this time, or rolled back."""
LAUNCHED = "RIGFARM_LAUNCHED"
"""In the environment of a program that another one has started in its place."""

log = structlog.get_logger()


def launch(data_dir: Path, installed: Path | None) -> None:
    """Become the program that an update has put in place, if it is fit to run; returns when this one shall run.

    `installed`: our folder, if we are a self-contained program.
    """
    if os.environ.pop(LAUNCHED, "") or installed is None:
        return
    state = load(data_dir)
    if state.base and state.base != str(installed):
        log.info("the installed Sentry is another one than the updates were for; it runs")
        clear(data_dir)
        return
    try:
        state = _decide(data_dir, state)
        if state.current.folder:
            if state.on_trial:
                _watch_over(data_dir)
            _become(data_dir, Path(state.current.folder))
    except OSError as error:
        log.error("an update cannot be started; the installed Sentry runs", error=str(error))
        _give_up(data_dir, state, str(error))


def _decide(data_dir: Path, state: State) -> State:
    """After one more start. OSError when it cannot be written down."""
    if not state.on_trial:
        return state
    failed = _failure(folder_of(data_dir) / FAILED)
    if failed or state.tries >= MAX_TRIES:
        why = failed or f"it ended {state.tries} times before the Commander had welcomed it"
        log.error("an update is rolled back", version=state.current.version, why=why)
        state = state.back(f"{why}.")
    else:
        state = replace(state, tries=state.tries + 1)
    save(data_dir, state)
    (folder_of(data_dir) / FAILED).unlink(missing_ok=True)
    return state


def _failure(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        return ""


def _give_up(data_dir: Path, state: State, why: str) -> None:
    """The installed program runs, and says so afterwards if that can be written down."""
    try:
        save(data_dir, replace(state.back(f"it cannot be started ({why})."), current=Release()))
    except OSError as error:
        log.error("that an update was rolled back cannot be written down", error=str(error))


def _watch_over(data_dir: Path) -> None:
    """Have this process, whichever program it becomes, ended unless it is welcomed in time. OSError."""
    folder, pid = str(folder_of(data_dir)), str(os.getpid())
    command = [sys.executable, "-I", "-S", guard.__file__, folder, pid, str(TRIAL_S)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, start_new_session=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        raise OSError("what watches over a new Sentry hangs") from None
    if done.returncode:
        raise OSError("what watches over a new Sentry does not start")


def succeed(data_dir: Path, successor: Successor, parts: Iterable[Part]) -> NoReturn:
    """Become the Sentry that takes our place, with the programs that go on. OSError: the next start rolls it back."""
    if successor.watched:
        _watch_over(data_dir)
    hand_on([held for part in parts if isinstance(part, ThisMachine) for held in part.held])
    _become(data_dir, successor.program)


def _become(data_dir: Path, program: Path) -> NoReturn:
    """This process is that Sentry from now on. OSError."""
    start = program / "bin" / "rigfarm"
    os.environ[LAUNCHED] = "1"
    try:
        os.execv(start, [str(start), "sentry", "run", "--data-dir", str(data_dir)])  # noqa: S606 - no shell
    finally:
        del os.environ[LAUNCHED]
