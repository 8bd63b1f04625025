"""From the command to a program that is put in place: only what has the hash that was named is run, and only once."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from pathlib import Path

import pytest

from rigfarm import __version__
from rigfarm.sentry.agent.parts import Successor
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.playbooks.fetch import Pace, authorities
from rigfarm.sentry.update import updates as module
from rigfarm.sentry.update.state import State, folder_of, load
from rigfarm.sentry.update.updates import Updates
from rigfarm.wire.commands import CommandState, UpdateSentry
from support.program.depot import Depot, Fault
from support.until import until

NAME = f"rigfarm-sentry-{platform.machine()}"
PATH = f"/bundle/{NAME}"
SCRIPT = """#!/bin/sh
program=$RIGFARM_ROOT/opt/rigfarm/sentry-{version}-new
mkdir -p "$program/bin"
touch "$program/bin/rigfarm" "$RIGFARM_ROOT/../ran"
{then}
echo '{{"version":"{version}","program":"'"$program"'"}}'
"""
PADDING = 1 << 16

Said = list[tuple[CommandState, str]]


class Rig:
    """A Sentry that can be updated, and its Commander's file."""

    def __init__(
        self, folder: Path, depot: Depot, *, updates: str = "on", program: Path | None = None, pace: Pace | None = None
    ) -> None:
        self.settings = Settings(data_dir=folder / "sentry", updates="on" if updates == "on" else "off", ui="off")
        self.settings.data_dir.mkdir()
        self.depot = depot
        self.program = program or folder / "opt/sentry-old"
        self.program.mkdir(parents=True, exist_ok=True)
        self.updates = Updates(self.settings, self.program, pace=pace)

    def offer(self, version: str = "9.0", then: str = "", **changes: object) -> UpdateSentry:
        script = SCRIPT.format(version=version, then=then).encode()
        content = script + b"#" * (PADDING - len(script))
        self.depot.put(content, PATH)
        said: dict[str, object] = {"version": version, "sha256": hashlib.sha256(content).hexdigest(), "size": PADDING}
        return UpdateSentry(**(said | changes))  # type: ignore[arg-type]  # a test may lie

    async def update(self, command: UpdateSentry, said: Said, token: str = "rf_a") -> Successor | None:
        def report(state: CommandState, words: str) -> None:
            said.append((state, words))

        return await self.updates.carry_out(command, token, f"of {token}", report, self.depot.url, authorities)

    @property
    def ran(self) -> bool:
        return (self.settings.data_dir / "ran").exists()

    def programs(self) -> list[str]:
        folder = folder_of(self.settings.data_dir) / "opt/rigfarm"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_AGAIN_S", 0.01)


async def test_it_is_fetched_checked_tried_and_put_in_place(tmp_path: Path, depot: Depot) -> None:
    rig, said = Rig(tmp_path, depot), Said()
    command = rig.offer()
    successor = await rig.update(command, said)
    program = folder_of(rig.settings.data_dir) / "opt/rigfarm/sentry-9.0-new"
    assert successor == Successor(program, watched=True)
    assert said == [("running", "")], "the rest is said by the one that takes over"
    state = load(rig.settings.data_dir)
    assert (state.base, state.current.folder, state.current.sha256) == (str(rig.program), str(program), command.sha256)
    assert (state.on_trial, state.tries, state.former.version) == (True, 1, __version__)
    assert "Authorization" not in depot.requests[0].headers, "the token is not needed, so it is not sent"
    assert not (folder_of(rig.settings.data_dir) / "fetched").exists()


async def test_the_new_one_says_so_once_it_is_welcomed(tmp_path: Path, depot: Depot) -> None:
    rig = Rig(tmp_path, depot)
    await rig.update(rig.offer(), [])
    new = Updates(rig.settings, Path(load(rig.settings.data_dir).current.folder))
    assert new.results("rf_a") == [], "not before"
    new.welcomed()
    assert new.results("rf_b") == []
    [(command, state, words)] = new.results("rf_a")
    assert (command, state, new.results("rf_a")) == ("of rf_a", "done", [])
    assert __version__ in words
    assert not load(rig.settings.data_dir).on_trial
    assert await new.trial() is None


async def test_one_that_is_not_welcomed_gives_way(tmp_path: Path, depot: Depot) -> None:
    rig = Rig(tmp_path, depot)
    await rig.update(rig.offer(), [])
    new = Updates(rig.settings, Path(load(rig.settings.data_dir).current.folder), trial_s=0.02)
    assert await new.trial() == Successor(rig.program, watched=False)
    former = Updates(rig.settings, rig.program)
    former.welcomed()
    [(_, state, words)] = former.results("rf_a")
    assert state == "failed"
    assert words.startswith(f"Rolled back to Sentry {__version__}: ")


async def test_the_installed_one_does_not_take_itself_for_the_new_one(tmp_path: Path, depot: Depot) -> None:
    """When the new one cannot be started and the disk is too full to write that down."""
    rig = Rig(tmp_path, depot)
    await rig.update(rig.offer(), [])
    installed = Updates(rig.settings, rig.program, trial_s=0.02)
    assert await installed.trial() is None
    installed.welcomed()
    assert installed.results("rf_a")[0][1] == "failed"


@pytest.mark.parametrize("fault", ["truncated", "longer", "wrong-byte", "redirect", "stall", "html", "reset"])
async def test_a_download_that_is_not_whole_runs_nothing(tmp_path: Path, depot: Depot, fault: Fault) -> None:
    rig, said = Rig(tmp_path, depot, pace=Pace(window_s=0.3) if fault == "stall" else None), Said()
    command = rig.offer()
    depot.fault = fault
    assert await rig.update(command, said) is None
    assert said[-1][0] == "failed"
    assert "nothing was changed" in said[-1][1]
    assert (rig.ran, rig.programs(), load(rig.settings.data_dir)) == (False, [], State())
    depot.fault = None
    assert await rig.update(command, said) is not None, "the next attempt is not spoilt by it"


async def test_what_is_left_of_another_version_is_not_taken_for_this_one(tmp_path: Path, depot: Depot) -> None:
    rig, said = Rig(tmp_path, depot), Said()
    depot.fault = "truncated"
    assert await rig.update(rig.offer("8.0"), said) is None
    depot.fault = None
    assert await rig.update(rig.offer("9.0"), said) is not None, said[-1]


async def test_a_cut_download_is_tried_again(tmp_path: Path, depot: Depot) -> None:
    rig = Rig(tmp_path, depot)
    depot.fault, depot.faults_left = "truncated", 2
    assert await rig.update(rig.offer(), []) is not None


@pytest.mark.parametrize(("name", "value"), [("sha256", "0" * 64), ("size", PADDING - 1), ("size", PADDING + 1)])
async def test_another_file_than_named_is_not_run(tmp_path: Path, depot: Depot, name: str, value: object) -> None:
    rig, said = Rig(tmp_path, depot), Said()
    assert await rig.update(rig.offer(**{name: value}), said) is None
    assert (said[-1][0], rig.ran, rig.programs()) == ("failed", False, [])


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("echo 'no Python here' >&2; exit 1", "no Python here"),
        ("kill -9 $$", "its own check"),
        ("echo nonsense; exit 0", "as a Sentry does"),
        ("""echo '{"version":"9.0","program":"/usr"}'; exit 0""", "where it should be"),
        ("""echo '{"version":"9.1","program":"'"$program"'"}'; exit 0""", "Sentry 9.1, not 9.0"),
        ("rm $program/bin/rigfarm", "where it should be"),
        ("cat /dev/zero", "its own check"),
    ],
)
async def test_one_that_is_not_fit_is_not_put_in_place(tmp_path: Path, depot: Depot, then: str, why: str) -> None:
    rig, said = Rig(tmp_path, depot), Said()
    assert await rig.update(rig.offer(then=then), said) is None
    assert said[-1][0] == "failed"
    assert why in said[-1][1]
    assert load(rig.settings.data_dir) == State()
    assert await rig.update(rig.offer("9.2"), said) is not None
    assert rig.programs() == ["sentry-9.2-new"], "what was not fit is removed"


async def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "hangs"
    file.write_text("sleep 1000 & echo $! > $RIGFARM_ROOT/pid; wait")
    told = tmp_path / "pid"
    told.touch()
    for within_s in (0.5, 5, 50):  # a busy machine takes longer to come so far
        with pytest.raises(module.TrialError, match="within"):
            await module.try_out(file, tmp_path, tmp_path, within_s=within_s)
        if told.read_text():
            break
    proc = Path(f"/proc/{int(told.read_text())}")

    def over() -> bool:
        try:
            return "\nState:\tZ" in (proc / "status").read_text()
        except OSError:
            return True

    await until(over, "what it started lives on")


async def test_what_is_forbidden_or_pointless_is_refused(tmp_path: Path, depot: Depot) -> None:
    said = Said()
    (tmp_path / "off").mkdir()
    off = Rig(tmp_path / "off", depot, updates="off")
    assert await off.update(off.offer(), said) is None
    assert off.updates.ability == "off"
    (tmp_path / "package").mkdir()
    package = Rig(tmp_path / "package", depot)
    package.updates = Updates(package.settings, None)
    assert await package.update(package.offer(), said) is None
    assert package.updates.ability == "not-a-bundle"
    (tmp_path / "older").mkdir()
    older = Rig(tmp_path / "older", depot)
    assert await older.update(older.offer("0.0.1"), said) is None
    assert [state for state, _ in said] == ["running", "refused"] * 3
    words = [text for state, text in said if state == "refused"]
    assert 'updates = "off"' in words[0]
    assert "not installed by the Commander's line" in words[1]
    assert "older" in words[2]
    assert depot.requests == []
    assert await older.update(older.offer("0.0.1", downgrade=True), said) is not None


async def test_many_rigs_of_one_sentry_update_it_once(tmp_path: Path, depot: Depot) -> None:
    rig, said, other = Rig(tmp_path, depot), Said(), Said()
    command = rig.offer()
    first = asyncio.create_task(rig.update(command, said))
    await asyncio.sleep(0)
    assert await rig.update(command, said, "rf_b") is None
    assert await rig.update(rig.offer("9.9"), other, "rf_c") is None
    assert other[-1][0] == "refused", "another version meanwhile"
    rig.offer()
    assert await first is not None
    assert len(depot.requests) == 1
    new = Updates(rig.settings, Path(load(rig.settings.data_dir).current.folder))
    new.welcomed()
    assert [new.results(token)[0][0] for token in ("rf_a", "rf_b")] == ["of rf_a", "of rf_b"]
    again = Said()
    assert await rig.update(command, again) is None
    assert again == [("running", "")], "the new one answers"


async def test_a_full_disk_is_said(tmp_path: Path, depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, said = Rig(tmp_path, depot), Said()
    usage = type("Usage", (), {"free": PADDING})
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert await rig.update(rig.offer(), said) is None
    assert "free" in said[-1][1]
    assert depot.requests == []
