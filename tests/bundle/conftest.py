"""A self-contained Sentry, and a machine that got it by the line of its dialog."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess, free_port

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))  # as pytest does there: `farm` makes playbooks

from bare_machine import BareMachine, line_of_a_new_rig

BUILD = Path(__file__).parents[2] / "tools" / "bundle"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOSTILE = 'rig\'; touch $HOME/evil; `touch $HOME/evil` "$(touch $HOME/evil)" & <b>'


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle: the one that `make bundle` tries out, else one that is built here and now."""
    if named := os.environ.get("RIGFARM_BUNDLE_DIR"):
        return Path(named).absolute()
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("a bundle is built with the GNU C library, which this machine does not have")
    folder = tmp_path_factory.mktemp("bundles")
    subprocess.run([sys.executable, str(BUILD), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def bundles_with_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Sentry for rigs with this Python, as `make install` builds it: from this environment."""
    if shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path=SYSTEM_PATH) is None:
        pytest.skip("the Python that runs the tests is not one of the system's")
    folder = tmp_path_factory.mktemp("bundles")
    subprocess.run([sys.executable, str(BUILD), str(folder), "--python"], check=True)
    return folder


@pytest.fixture(scope="session")
def commander(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    """A Commander that has it for new rigs."""
    port = free_port()
    settings = {"report_interval_s": "1", "bundle_dir": str(bundles), "public_url": f"http://127.0.0.1:{port}"}
    with CommanderProcess(tmp_path_factory.mktemp("commander"), port=port, settings=settings) as process:
        yield process


@pytest.fixture(scope="session")
def machine(commander: CommanderProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareMachine]:
    """A machine into which that line was pasted: joined, installed, and not started yet."""
    folder = tmp_path_factory.mktemp("machine")
    line = line_of_a_new_rig(commander, HOSTILE[:64])
    one = BareMachine(folder)
    one.paste(line)
    yield one
    shutil.rmtree(folder, ignore_errors=True)
