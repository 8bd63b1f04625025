"""The Sentry's own package and those that it needs, as the lock names them: from this environment, or fetched."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

OUR_PARTS = ("common", "wire", "service", "sentry")


def version(source: Path) -> str:
    """Of Rigfarm."""
    return str(runpy.run_path(str(source / "__init__.py"))["__version__"])


def copy(lock: Path, source: Path, target: Path) -> None:
    """Those of this environment, into a folder of packages. Ends when one is not as the lock says."""
    for name, wanted in _pinned(lock):
        _copy_distribution(_installed(name, wanted), target)
    _copy_ours(source, target)


def fetch(lock: Path, source: Path, target: Path, machine: str, versions: Sequence[str]) -> None:
    """For another machine and several Pythons, from pip's index, each file checked against the lock's hashes.

    One folder serves all of them: code that is compiled for one Python has that Python's name in its own.
    """
    platforms = [f"--platform=manylinux{glibc}_{machine}" for glibc in ("_2_28", "_2_17", "2014")]
    options = ["--quiet", "--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", *platforms]
    for version in versions:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options]
            subprocess.run([*command, f"--python-version={version}", f"--target={folder}", "-r", lock], check=True)
            shutil.rmtree(Path(folder) / "bin", ignore_errors=True)
            shutil.copytree(folder, target, dirs_exist_ok=True)
    _copy_ours(source, target)


def _copy_ours(source: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for module in source.glob("*.py"):
        shutil.copy(module, _made(target / "rigfarm") / module.name)
    for part in OUR_PARTS:
        shutil.copytree(source / part, target / "rigfarm" / part, ignore=ignore)


def _pinned(lock: Path) -> Iterator[tuple[str, str]]:
    """Name and version of each package that the lock wants on this machine."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if "==" in line:
            wanted = Requirement(line.removesuffix("\\"))
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted.name, str(wanted.specifier).removeprefix("==")


def _installed(name: str, wanted: str) -> Distribution:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{name} {wanted} is not installed here: make install")
    if found.version != wanted:
        sys.exit(f"{name} is {found.version} here, and the lock wants {wanted}: make install")
    return found


def _copy_distribution(found: Distribution, target: Path) -> None:
    for file in found.files or ():
        outside = ".." in file.parts or file.suffix == ".pyc" or file.suffix == ".pyi"
        if outside or {"tests", "test"} & set(file.parts):
            continue
        path = target / str(file)
        _made(path.parent)
        shutil.copy(Path(str(file.locate())), path)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
