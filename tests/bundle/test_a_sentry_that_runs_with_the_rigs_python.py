"""The line of the dialog on a machine that has Python and reaches nothing but its Commander."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bare_machine import BareMachine, line_of_a_new_rig, rig

from rigfarm.simulate.commander import CommanderProcess, free_port
from support.until import until_now

pytestmark = pytest.mark.slow

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_line_of_the_dialog_makes_the_machine_a_rig_and_uninstall_leaves_nothing(
    bundles_with_python: Path, tmp_path: Path
) -> None:
    """No index of packages is asked: what root runs is the file whose hash is in the line, and nothing else."""
    port = free_port()
    settings = {
        "report_interval_s": "1", "bundle_dir": str(bundles_with_python), "public_url": f"https://127.0.0.1:{port}",
    }  # fmt: skip
    (tmp_path / "commander").mkdir()
    with CommanderProcess(tmp_path / "commander", port=port, settings=settings, tls=True) as commander:
        machine = BareMachine(tmp_path)
        machine.paste(line_of_a_new_rig(commander, "rig-01"))
        assert "OK" in machine.said, "the hash was checked"
        assert [path.name for path in machine.home.iterdir()] == []
        with machine.running():
            until_now(lambda: rig(commander)["state"] not in ("waiting", "offline"), machine.never("the rig online"))
        said = " ".join(machine.rigfarm("sentry", "doctor").stdout.split())  # lines are wrapped
        assert f"Python {VERSION}" in said
    assert machine.rigfarm("sentry", "uninstall").returncode == 0
    assert machine.files() == []
    assert not (machine.root / "opt/rigfarm").exists()


def test_its_packages_are_its_own(bundles_with_python: Path, tmp_path: Path) -> None:
    """The system's packages, whatever their versions, are not what it runs with."""
    program = _unpacked(bundles_with_python, tmp_path)
    code = "import httpx, nacl, rigfarm; print(*{m.__file__ for m in (httpx, nacl, rigfarm)})"
    done = subprocess.run([program / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert all(path.startswith(f"{program}/") for path in done.stdout.split())


def _unpacked(bundles: Path, tmp_path: Path) -> Path:
    [file] = bundles.glob("rigfarm-sentry-*")
    subprocess.run(["/bin/sh", file, "--help"], env={"RIGFARM_ROOT": str(tmp_path)}, capture_output=True, check=True)
    [program] = (tmp_path / "opt/rigfarm").iterdir()
    return program


def test_a_machine_without_that_python_is_told_so(bundles_with_python: Path, tmp_path: Path) -> None:
    script = _unpacked(bundles_with_python, tmp_path) / "find-python.sh"
    (tmp_path / "new/bin").mkdir(parents=True)
    done = subprocess.run(["/bin/sh", script, tmp_path / "new"], env={"PATH": "/nonexistent"}, capture_output=True)
    assert done.returncode == 1
    assert f"needs Python {VERSION}".encode() in done.stderr
    assert b"make bundle" in done.stderr
