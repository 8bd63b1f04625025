"""The self-contained Sentry from the line in the dialog to a rig that mines, on a machine without Python.

`make bundle` ends with this: a bundle that fails here does not count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bare_machine import BareMachine, line_of_a_new_rig, rig

from rigfarm.sentry.processes.leftovers import folder_id, marked
from rigfarm.simulate.commander import CommanderProcess
from support.playbooks import apply, make_playbook
from support.until import until_now

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GONE_WITHIN_S = 30.0
PLUG_INS = """
from pathlib import Path
from rigfarm.sentry import miners
from rigfarm.sentry.sensors.discover import discover
import rigfarm.sentry.asic.readers.library
print(sorted(miners.adapters()), sorted(type(source).__name__ for source in discover(Path("/nonexistent"))))
"""


def test_the_line_of_the_dialog_makes_the_machine_a_rig(commander: CommanderProcess, machine: BareMachine) -> None:
    assert "OK" in machine.said, "the hash was checked"
    assert "rf_" not in machine.said
    assert [path.name for path in machine.home.iterdir()] == [], "neither the download nor what a hostile name wanted"
    with machine.running():
        until_now(lambda: rig(commander)["state"] not in ("waiting", "offline"), machine.never("the rig online"))
        assert rig(commander)["log"]


def test_it_takes_nothing_from_the_machine(machine: BareMachine) -> None:
    """Every file of code in its memory is its own, and so is the C library."""
    with machine.running() as process:
        maps = Path(f"/proc/{process.pid}/maps")
        until_now(lambda: "/_psutil_linux" in maps.read_text(), machine.never("its sensors loaded"))
        lines = maps.read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in lines if "/" in line}
    code = {path.strip() for path in mapped if ".so" in path or "/bin/" in path or "/lib/rigfarm" in path}
    assert any(path.endswith("/libc.so.6") for path in code)
    assert [path for path in code if not path.startswith(f"{machine.program}/")] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its root folder")
def test_it_starts_where_there_is_nothing_else(machine: BareMachine) -> None:
    """In a file system that holds the bundle and no other file: no C library, no Python."""
    here = f"/{machine.program.relative_to(machine.root)}"
    command = [f"{here}/lib/rigfarm-sentry", "--library-path", f"{here}/lib", "--argv0", f"{here}/bin/python"]
    command += [f"{here}/bin/python.elf", "-I", "-S", "-m", "rigfarm.cli", "sentry", "--help"]
    root = str(machine.root)
    done = subprocess.run(command, env={}, preexec_fn=lambda: os.chroot(root), cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout


def test_its_plug_ins_are_all_there(machine: BareMachine) -> None:
    done = subprocess.run([machine.program / "bin/python", "-c", PLUG_INS], env={}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours = subprocess.run([sys.executable, "-c", PLUG_INS], capture_output=True, text=True, check=True)
    assert done.stdout == ours.stdout
    assert "xmrig" in done.stdout


def test_its_doctor_and_its_unit(machine: BareMachine) -> None:
    said = "".join(machine.rigfarm("sentry", "doctor").stdout.split())  # long lines are folded
    assert f"self-containedin{machine.program}" in said
    assert "rigfarm-sentry.serviceisinstalled" in said or "notinstalled" in said
    unit = machine.rigfarm("sentry", "install", "--print").stdout
    assert f"ExecStart=/{machine.program.relative_to(machine.root)}/bin/rigfarm sentry run\n" in unit


def test_no_mining_program_outlives_it(commander: CommanderProcess, machine: BareMachine) -> None:
    """kill -9, while it mines by a playbook."""
    playbooks = machine.data / "playbooks"
    with machine.running() as process:
        until_now(lambda: rig(commander)["state"] not in ("waiting", "offline"), machine.never("the rig online"))
        one = rig(commander)["id"]
        assert isinstance(one, int)
        apply(commander, make_playbook(commander, template="-o $CPU_POOL --behave fork,setsid,double-fork"), [one])
        until_now(lambda: _mines(commander, one), machine.never("mining"))
        mark = f"{folder_id(playbooks)}:"
        until_now(lambda: len(marked(mark)) >= 4, machine.never("two that watch, the program, and what it forked"))
        process.kill()
        process.wait()
        deadline = time.monotonic() + GONE_WITHIN_S
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marked(mark) == []


def _mines(commander: CommanderProcess, rig_id: int) -> bool:
    playbooks = commander.api("GET", f"/api/rigs/{rig_id}/playbooks")
    assert isinstance(playbooks, list)
    return any(one["state"] == "mining" for one in playbooks)


def test_uninstall_leaves_nothing(commander: CommanderProcess, tmp_path: Path) -> None:
    other = BareMachine(tmp_path)
    other.paste(line_of_a_new_rig(commander, "rig-02"))
    assert (other.root / "usr/local/bin/rigfarm").is_file()
    done = other.rigfarm("sentry", "uninstall")
    assert done.returncode == 0, done.stderr
    assert other.files() == []
    assert not (other.root / "opt/rigfarm").exists()
    assert not other.data.exists()


def test_a_damaged_file_unpacks_nothing(bundles: Path, tmp_path: Path) -> None:
    [whole] = bundles.glob("rigfarm-sentry-*")
    broken = tmp_path / whole.name
    broken.write_bytes(whole.read_bytes()[:-1000])
    root = tmp_path / "root"
    root.mkdir()
    done = subprocess.run(
        ["/bin/sh", broken, "--help"], env={"RIGFARM_ROOT": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "is the file whole" in done.stderr
    assert list((root / "opt/rigfarm").iterdir()) == []
