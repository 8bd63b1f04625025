"""A Sentry that its Commander updates, with real processes: a Commander, a rig installed by the dialog's line, a
mining program, and what systemd does (start again what ended). Each update is the bundle that is there, but for one
thing."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from bare_machine import BareMachine, line_of_a_new_rig, rig

from rigfarm import __version__
from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.commander import CommanderProcess, free_port
from support.playbooks import apply, make_playbook
from support.until import until_now

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "bundle"))

from packing import pack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAME = f"rigfarm-sentry-{platform.machine()}"
TRIAL_S = 40.0
"""In the place of two minutes: a busy machine takes some seconds for a start, and whoever watches from outside must not
be faster than the Sentry that gives way by itself."""


class Bundles:
    """Makes variants of a bundle: files of it, changed."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._tree = folder / "tree"
        self._folder = folder
        root = folder / "root"
        environment = {"RIGFARM_ROOT": str(root)}
        subprocess.run(["/bin/sh", bundle, "--help"], env=environment, capture_output=True, check=True)
        [program] = (root / "opt/rigfarm").iterdir()
        program.rename(self._tree)
        for made_on_the_machine in ("bin/python", "pyvenv.cfg"):
            (self._tree / made_on_the_machine).unlink()
        for cache in self._tree.rglob("__pycache__"):
            shutil.rmtree(cache)
        self.change("sentry/update/launch.py", "TRIAL_S = 120.0", f"TRIAL_S = {TRIAL_S}")

    def change(self, file: str, old: str, new: str) -> None:
        path = self._tree / "packages/rigfarm" / file
        text = path.read_text()
        assert old in text, file
        path.write_text(text.replace(old, new, 1))

    def make(self, target: Path, version: str, *changes: tuple[str, str, str]) -> None:
        """Put a bundle into a Commander's folder."""
        said = ("__init__.py", f'__version__ = "{__version__}"', f'__version__ = "{version}"')
        for file, old, new in (said, *changes):
            self.change(file, old, new)
        work = self._folder / "made"
        work.mkdir(exist_ok=True)
        try:
            made = pack(self._tree, version, work / NAME, platform.machine())
            target.mkdir(exist_ok=True)
            shutil.move(made, target / f".{NAME}.new")
            (target / f".{NAME}.new").replace(target / NAME)
        finally:
            for file, old, new in (said, *changes):
                self.change(file, new, old)


class Service:
    """What systemd does: what ended is started again, and all of its processes are gone before."""

    def __init__(self, machine: BareMachine) -> None:
        self.machine = machine
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep)

    def __enter__(self) -> Service:
        settings = self.machine.data / "sentry.toml"
        settings.write_text(f'ui = "off"\nprograms_user = "root"\n{settings.read_text()}')
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(30)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            command, environment = self.machine.service
            with (self.machine.folder / "log").open("ab") as log:
                self.starts += 1
                self._process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self._process.wait()
            self._stopping.wait(0.3)


class Farm:
    """All of it."""

    def __init__(self, commander: CommanderProcess, service: Service, bundles: Bundles, folder: Path) -> None:
        self.commander = commander
        self.service = service
        self.bundles = bundles
        self.folder = folder
        self.id = cast("int", rig(commander)["id"])
        self.line = ""

    @property
    def specs(self) -> dict[str, Any]:
        return cast("dict[str, Any]", rig(self.commander).get("specs") or {})

    @property
    def version(self) -> str:
        return cast("str", self.specs.get("sentry_version", ""))

    @property
    def mines(self) -> bool:
        statuses = cast("list[dict[str, Any]]", self.commander.api("GET", f"/api/rigs/{self.id}/playbooks"))
        return any(one["state"] == "mining" for one in statuses)

    @property
    def processes(self) -> list[int]:
        """The mining program's and its supervisors'."""
        return sorted(marked(f"{folder_id(self.service.machine.data / 'playbooks')}:"))

    def said(self) -> str:
        return (self.service.machine.folder / "log").read_text()[-4000:]

    def until(self, holds: Callable[[], object], what: str, within_s: float = 60.0) -> None:
        until_now(lambda: bool(holds()), lambda: f"{what}\n{self.said()}", within_s=within_s)

    def offer(self, version: str, *changes: tuple[str, str, str]) -> None:
        self.bundles.make(self.folder, version, *changes)
        sha = hashlib.sha256((self.folder / NAME).read_bytes()).hexdigest()
        self.until(lambda: self._offered() == sha, "the new bundle offered")

    def _offered(self) -> str:
        client = httpx.Client(base_url=self.commander.url, verify=False)
        with client, client.stream("GET", f"/bundle/{NAME}") as answer:
            return answer.headers.get("ETag", "").strip('"')

    def update(self, **form: object) -> int:
        body = {"rigs": [self.id], "update": form}
        return cast("dict[str, Any]", self.commander.api("POST", "/api/sentry-updates", body))["id"]

    def outcome(self, update_id: int, within_s: float = 180.0) -> dict[str, Any]:
        """Once it has ended."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(cast("dict[str, Any]", self.commander.api("GET", f"/api/sentry-updates/{update_id}")))
            return bool(found["state"] != "running")

        until_now(ended, lambda: f"{found}\n{self.said()}", within_s=within_s)
        return found


@pytest.fixture(scope="module")
def farm(bundles_with_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """A rig that mines, with a Sentry that a Commander handed out."""
    folder = tmp_path_factory.mktemp("updates")
    [bundle] = bundles_with_python.glob("rigfarm-sentry-*")
    bundles = Bundles(bundle, folder)
    bundles.make(folder / "offered", __version__)
    port = free_port()
    settings = {
        "report_interval_s": "1", "bundle_dir": str(folder / "offered"), "public_url": f"https://127.0.0.1:{port}",
    }  # fmt: skip
    (folder / "commander").mkdir()
    with CommanderProcess(folder / "commander", port=port, settings=settings, tls=True) as commander:
        (folder / "machine").mkdir()
        machine = BareMachine(folder / "machine")
        line = line_of_a_new_rig(commander, "rig-01")
        machine.paste(line)
        with Service(machine) as service:
            one = Farm(commander, service, bundles, folder / "offered")
            one.line = line
            one.until(lambda: rig(commander)["state"] not in ("waiting", "offline"), "the rig online")
            apply(commander, make_playbook(commander), [one.id])
            one.until(lambda: one.mines, "mining")
            yield one
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def updated(farm: Farm) -> tuple[dict[str, Any], tuple[object, ...], tuple[object, ...]]:
    """What came of an update; what ran before, and what runs since."""

    def runs() -> tuple[object, ...]:
        return farm.processes, farm.service.pid, farm.service.starts

    before = runs()
    farm.offer("9.0.0")
    outcome = farm.outcome(farm.update())
    return outcome, before, runs()


def test_it_mines_on_while_it_is_updated(
    farm: Farm, updated: tuple[dict[str, Any], tuple[object, ...], tuple[object, ...]]
) -> None:
    outcome, before, since = updated
    assert (outcome["state"], outcome["rigs"][str(farm.id)]["state"]) == ("done", "updated"), outcome
    assert since == before, "neither the Sentry nor what it mines with ended: it became the new one"
    assert b"/updates/" in Path(f"/proc/{farm.service.pid}/cmdline").read_bytes()
    assert farm.version == "9.0.0"


SAID = tuple[str, str, str]
BROKEN: SAID = ("sentry/update/trial.py", "    import h11\n", "    import h11_is_missing\n")
ENDS: SAID = ("sentry/cli.py", "    close_to_others()\n    folder", "    raise SystemExit(3)\n    folder")
HANGS: SAID = (
    "sentry/cli.py",
    "    close_to_others()\n    folder",
    "    __import__('time').sleep(9999)\n    folder",
)
NEVER_CONNECTS: SAID = (
    "sentry/link/connect.py",
    '    """A connected WebSocket, or LinkError.',
    '    raise UnreachableError("cut off")\n    """',
)


def _stopped(farm: Farm, version: str, *changes: SAID) -> str:
    """What the Commander says of an update that fails; the Sentry before it runs."""
    before = farm.version
    farm.offer(version, *changes)
    found = farm.outcome(farm.update())
    on_rig = found["rigs"][str(farm.id)]
    assert (found["state"], on_rig["state"]) == ("stopped", "failed"), found
    assert "rig-01: " in found["detail"], "it says where"
    farm.until(lambda: farm.version == before, "the Sentry before it")
    return cast("str", on_rig["detail"])


@pytest.mark.usefixtures("updated")
def test_one_that_fails_its_own_check_takes_no_place(farm: Farm) -> None:
    programs, process = farm.processes, farm.service.pid
    said = _stopped(farm, "9.1.0", BROKEN)
    assert "nothing was changed" in said
    assert "h11_is_missing" in said
    assert (farm.processes, farm.service.pid) == (programs, process)


@pytest.mark.usefixtures("updated")
def test_one_that_never_connects_gives_way_and_mining_goes_on(farm: Farm) -> None:
    programs, process = farm.processes, farm.service.pid
    said = _stopped(farm, "9.2.0", NEVER_CONNECTS)
    assert said.startswith(f"Rolled back to Sentry {farm.version}: the Commander had not welcomed it")
    assert (farm.processes, farm.service.pid) == (programs, process)


@pytest.mark.usefixtures("updated")
@pytest.mark.parametrize(
    ("version", "change", "why"), [("9.3.0", ENDS, "it ended 2 times"), ("9.4.0", HANGS, f"after {TRIAL_S:.0f} s")]
)
def test_one_that_ends_or_hangs_is_rolled_back_by_another(farm: Farm, version: str, change: SAID, why: str) -> None:
    said = _stopped(farm, version, change)
    assert said.startswith(f"Rolled back to Sentry {farm.version}: ")
    assert why in said
    farm.until(lambda: farm.mines and len(farm.processes) >= 3, "mining again")


@pytest.mark.usefixtures("updated")
def test_an_update_outlasts_a_kill(farm: Farm) -> None:
    version, process = farm.version, farm.service.pid
    programs = set(farm.processes)
    farm.service.kill()
    farm.until(lambda: farm.service.pid != process and not programs & set(farm.processes), "the old ones ended")
    farm.until(lambda: len(farm.processes) >= 3 and farm.mines, "mining again")
    assert farm.version == version
    assert b"/updates/" in Path(f"/proc/{farm.service.pid}/cmdline").read_bytes()


@pytest.mark.usefixtures("updated")
def test_a_downgrade_needs_a_word(farm: Farm) -> None:
    farm.offer("8.0.0")
    with pytest.raises(urllib.error.HTTPError) as refused:
        farm.update()
    assert b"older" in refused.value.read()
    programs = farm.processes
    assert farm.outcome(farm.update(downgrade=True))["state"] == "done"
    assert (farm.version, farm.processes) == ("8.0.0", programs)


@pytest.mark.usefixtures("updated")
def test_a_rig_can_forbid_it(farm: Farm) -> None:
    settings, process = farm.service.machine.data / "sentry.toml", farm.service.pid
    settings.write_text(f'updates = "off"\n{settings.read_text()}')
    farm.service.kill()
    farm.until(lambda: farm.service.pid != process and farm.specs.get("sentry_updates") == "off", "it says so")
    farm.offer("9.5.0")
    with pytest.raises(urllib.error.HTTPError) as refused:
        farm.update()
    assert b"forbids" in refused.value.read()


@pytest.mark.usefixtures("updated")
def test_the_line_pasted_again_takes_the_place_of_updates(farm: Farm) -> None:
    assert farm.version == "8.0.0"
    process = farm.service.pid
    sha = hashlib.sha256((farm.folder / NAME).read_bytes()).hexdigest()
    farm.service.machine.paste(re.sub(r"s=[0-9a-f]{64}", f"s={sha}", farm.line))
    farm.service.kill()
    farm.until(lambda: farm.service.pid != process and farm.version == "9.5.0" and farm.mines, "what was pasted")
    assert not (farm.service.machine.data / "updates").exists()
