"""Row 20: a malicious archive cannot write outside its folder, leave a link, or fill the disk.

129 archives, each with one trick and an executable that looks good; around the folder everything is compared before and
after, and watched by inotify. On this Python, and on every other one from 3.11 on that is installed here. The controls
are what agents commonly do: `extractall` with the `data` filter on a Python that has CVE-2025-4517, and without any.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from promise import FULL, record, scaled

import rigfarm
from support.program import trial as trials
from support.program.arena import Arena
from support.program.hostile import path_max_escape

SOURCES = Path(rigfarm.__file__).parent.parent
HARMLESS = {"name: only slashes", "zip: another name in an extra field"}
"""May be accepted: the first is the folder itself, the second a name that some Pythons read and some do not."""
LEAST = 60


def pythons() -> list[str]:
    """Interpreters of the versions in the field, this one first."""
    found = [sys.executable]
    for minor in (11, 12, 13, 14):
        places = [*Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"), Path(f"/usr/bin/python3.{minor}")]
        found += [str(place) for place in places if place.exists() and minor != sys.version_info.minor][:1]
    return found


def verdict(found: dict[str, Any]) -> list[str]:
    accepted = sorted(set(found["accepted"]) - HARMLESS)
    return [*found["outside"], *found["links"], *found["leftover"], *(f"accepted: {name}" for name in accepted)]


@pytest.mark.timeout(3600)
def test_no_archive_writes_outside(tmp_path: Path) -> None:
    much = (scaled(300, 1_000_000), scaled(8 << 20, 96 << 20))
    bad, count, versions = [], 0, []
    for python in pythons() if FULL else pythons()[:1]:
        found = run_on(python, tmp_path / "trial", *much)
        assert found["n"] >= LEAST
        count += found["n"]
        versions.append(found["python"])
        bad += [f"{found['python']}: {problem}" for problem in verdict(found)]
    control = trials.trial(everything, tmp_path / "control", 1, 1 << 20, only="link")
    assert len(control["outside"]) >= 5, "the control must be caught, else the test sees nothing"
    assert control["links"]
    record(
        20,
        f"a malicious archive writes nothing outside its folder (Python {', '.join(versions)})",
        n=count,
        bad=len(bad),
        control="extractall without a filter",
        control_bad=f"{len(control['outside'])} of {control['n']} wrote outside",
        unit="archives",
    )
    assert bad == []


@pytest.mark.parametrize("python", pythons()[1:][-1:], ids=["the-newest"] * len(pythons()[1:][-1:]))
def test_another_python_agrees(tmp_path: Path, python: str) -> None:
    found = run_on(python, tmp_path, 300, 8 << 20)
    assert found["n"] >= LEAST
    assert verdict(found) == []


def test_the_data_filter_is_left_where_python_is_not_mended(tmp_path: Path) -> None:
    """The named control: `filter="data"`, which CVE-2025-4517 gets past on Python 3.12.1 and its contemporaries."""
    code = "import tarfile,sys; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter='data')"
    results = {}
    for python in pythons():
        with Arena(tmp_path / "arena") as arena:
            (tmp_path / "evil.tar").write_bytes(path_max_escape("outside/precious"))
            subprocess.run([python, "-c", code, tmp_path / "evil.tar", arena.inside], capture_output=True, check=False)
            version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
            results[version] = bool(arena.touched())
    old = [version for version in results if version in ("3.11.7", "3.12.1", "3.13.0")]
    if not old:
        pytest.skip(f"every Python here is mended: {', '.join(results)}")
    assert all(results[version] for version in old)


def everything(archive: bytes, format: str, into: Path) -> None:
    """The mutation: the standard library's own way, without a filter."""
    if format == "zip":
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            opened.extractall(into)
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        if sum(member.size for member in tar.getmembers()) < 1 << 20:
            tar.extractall(into, filter="fully_trusted")


def run_on(python: str, folder: Path, members: int, bomb_bytes: int) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [python, "-W", "error", trials.__file__, str(SOURCES), str(folder), str(members), str(bomb_bytes)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
