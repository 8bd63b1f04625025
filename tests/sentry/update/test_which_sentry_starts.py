"""At each start the installed program decides. Wherever an update broke off, one starts that works."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from rigfarm.sentry.update.launch import LAUNCHED, MAX_TRIES, launch
from rigfarm.sentry.update.state import FAILED, STATE, Release, State, Waiting, folder_of, load, save

module = sys.modules[launch.__module__]


class Became(BaseException):
    """It is another program now."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def execv(path: Path, arguments: list[str]) -> NoReturn:
        if not Path(path).exists():
            raise FileNotFoundError(2, "No such file", str(path))
        assert os.environ[LAUNCHED] == "1"
        raise Became(Path(path).parents[1].name)

    monkeypatch.setattr(module.os, "execv", execv)
    monkeypatch.setattr(module, "_watch_over", lambda *_: None)
    monkeypatch.delenv(LAUNCHED, raising=False)
    for name in ("installed", "new", "older"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/rigfarm").touch()
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def start(data: Path) -> str:
    """Which one runs."""
    try:
        launch(data, data.parent / "installed")
    except Became as became:
        return str(became)
    return "installed"


def on_trial(data: Path, former: str = "", tries: int = 1) -> State:
    def release(name: str) -> Release:
        return Release(str(data.parent / name) if name else "", f"{name or 'installed'} version")

    return State(
        base=str(data.parent / "installed"),
        current=release("new"),
        former=release(former),
        on_trial=True,
        tries=tries,
        waiting=[Waiting("hash", "command")],
    )


def test_without_updates_it_is_the_installed_one(data: Path) -> None:
    assert start(data) == "installed"
    assert not folder_of(data).exists()


@pytest.mark.parametrize("former", ["", "older"])
def test_a_trial_is_limited(data: Path, former: str) -> None:
    save(data, on_trial(data, former))
    assert [start(data) for _ in range(MAX_TRIES - 1)] == ["new"] * (MAX_TRIES - 1)
    assert [start(data), start(data)] == [former or "installed"] * 2
    state = load(data)
    assert (
        state.rolled_back == f"Rolled back to Sentry {former or 'installed'} version: it ended 2 times before the "
        "Commander had welcomed it."
    )
    assert [one.command for one in state.waiting] == ["command"], "who asked for it will be told"


def test_one_that_was_ended_is_not_tried_again(data: Path) -> None:
    save(data, on_trial(data))
    (folder_of(data) / FAILED).write_text("it hung")
    assert start(data) == "installed"
    assert load(data).rolled_back.endswith(": it hung.")
    assert not (folder_of(data) / FAILED).exists()


def test_one_that_was_welcomed_runs_from_then_on(data: Path) -> None:
    save(data, msgspec.structs.replace(on_trial(data), on_trial=False, tries=0))
    assert [start(data) for _ in range(5)] == ["new"] * 5


@pytest.mark.parametrize("trial", [True, False])
def test_one_that_is_gone_gives_way(data: Path, trial: bool) -> None:
    save(data, msgspec.structs.replace(on_trial(data), on_trial=trial))
    (data.parent / "new/bin/rigfarm").unlink()
    assert [start(data), start(data)] == ["installed"] * 2
    assert "cannot be started" in load(data).rolled_back


@pytest.mark.parametrize("content", [b"", b"{", b'{"current": 1}', b"[" * 100_000, b"\xff"])
def test_a_state_that_cannot_be_read_is_none(data: Path, content: bytes) -> None:
    folder_of(data).mkdir()
    (folder_of(data) / STATE).write_bytes(content)
    assert start(data) == "installed"


def test_another_installed_one_ends_all_updates(data: Path) -> None:
    save(data, msgspec.structs.replace(on_trial(data), base="/opt/rigfarm/sentry-of-before", on_trial=False))
    assert start(data) == "installed"
    assert not folder_of(data).exists()


def test_what_cannot_be_counted_is_not_tried(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not make it try for ever."""
    save(data, on_trial(data))

    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save", full)
    assert [start(data), start(data)] == ["installed"] * 2


def test_a_program_that_was_launched_decides_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(data, on_trial(data))
    monkeypatch.setenv(LAUNCHED, "1")
    assert start(data) == "installed", "that is: the one that asks"
    assert load(data).tries == 1


def test_an_ordinary_installation_has_no_updates(data: Path) -> None:
    save(data, on_trial(data))
    launch(data, None)
