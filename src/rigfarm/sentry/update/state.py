"""What is written down of updates: one small file, replaced as a whole before each step."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from rigfarm.common.whole_file import write_private
from rigfarm.sentry.processes.disk import make_folder, remove_tree

__all__ = ["FAILED", "FOLDER", "STATE", "Release", "State", "Waiting", "clear", "folder_of", "load", "save"]

FOLDER = "updates"
STATE = "state.json"
FAILED = "failed"
"""Written by `guard`, which is not part of any Sentry."""

log = structlog.get_logger()


class Release(Struct, frozen=True):
    """One program. An empty `folder`: the installed one."""

    folder: str = ""
    version: str = ""
    sha256: str = ""
    """Of the file that was fetched; empty for the installed one."""


class Waiting(Struct, frozen=True):
    """A command whose result is not sent yet."""

    token: str
    """SHA-256 of the token of the rig that it was given to."""
    command: str


class State(Struct, frozen=True):
    """Where things stand."""

    base: str = ""
    """Folder of the installed program. Another one was installed since: the updates are of the past."""
    current: Release = Release()
    former: Release = Release()
    on_trial: bool = False
    """`current` was not welcomed by the Commander yet."""
    tries: int = 0
    """Starts of `current` while it was on trial."""
    rolled_back: str = ""
    """Why the last update was; for those who wait."""
    waiting: list[Waiting] = []

    def back(self, why: str) -> State:
        """The former program runs again."""
        words = f"Rolled back to Sentry {self.former.version}: {why}"
        return msgspec.structs.replace(
            self, current=self.former, former=self.former, on_trial=False, tries=0, rolled_back=words
        )


def folder_of(data_dir: Path) -> Path:
    """Where everything about updates lies."""
    return data_dir / FOLDER


def load(data_dir: Path) -> State:
    """What is written down. A file that cannot be read counts as none: the installed program runs."""
    path = folder_of(data_dir) / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.error("what is known of updates cannot be read; the installed Sentry runs", error=str(error)[:200])
        return State()


def save(data_dir: Path, state: State) -> None:
    """Durably. OSError."""
    make_folder(folder_of(data_dir))
    write_private(folder_of(data_dir) / STATE, msgspec.json.encode(state))


def clear(data_dir: Path) -> None:
    """Forget all updates: the installed program is the one that runs. What cannot be removed does no harm."""
    folder = folder_of(data_dir)
    with contextlib.suppress(OSError):
        (folder / STATE).unlink(missing_ok=True)
        remove_tree(folder)
