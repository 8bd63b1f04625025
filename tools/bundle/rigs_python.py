"""A Sentry for rigs that have Python: its packages, laid out as a virtual environment for several versions."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import packages
import program

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""For which there are compiled packages. A rig whose system moves to the next of them runs on."""


def copy(lock: Path, source: Path, tree: Path, machine: str) -> None:
    """This machine's come from this environment and serve this Python only; another machine's are fetched for all."""
    target = tree / "packages"
    target.mkdir(parents=True)
    versions: tuple[str, ...] = (f"{sys.version_info.major}.{sys.version_info.minor}",)
    if machine == platform.machine():
        packages.copy(lock, source, target)
    else:
        versions = VERSIONS
        packages.fetch(lock, source, target, machine, versions)
    for version in versions:
        library = tree / "lib" / f"python{version}"
        library.mkdir(parents=True)
        (library / "site-packages").symlink_to("../../packages")
    program.write_with_python(tree, machine, versions)
