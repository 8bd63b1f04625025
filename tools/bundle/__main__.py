"""Build a Sentry as one file, rigfarm-sentry-<machine>, that a Commander hands to rigs.

    python tools/bundle [FOLDER]                            self-contained (`make bundle`)
    python tools/bundle [FOLDER] --python                   for rigs with this Python version (`make install`)
    python tools/bundle [FOLDER] --python --machine NAME    for rigs of another machine, with any supported Python

A self-contained one holds this environment's Python, the packages that requirements/ lock for a Sentry, and every
shared library they need with the C library and its loader among them: it runs on any Linux of this machine's
architecture, however old. With --python it holds the packages alone and runs with the rig's Python; those of another
machine are fetched from pip's index and checked against the hashes in requirements/. The file is a shell script with
a compressed archive behind it; it unpacks itself once and runs from there.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
from pathlib import Path

import libraries
import packages
import program
import rigs_python
import standard
from packing import pack

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements" / "asic.txt"
SOURCE = ROOT / "src" / "rigfarm"


def main(folder: Path, *, python: bool, machine: str) -> Path:
    """Build, and say what became of it."""
    with tempfile.TemporaryDirectory(prefix="rigfarm-bundle-") as temporary:
        tree = Path(temporary) / "tree"
        if python:
            rigs_python.copy(LOCK, SOURCE, tree, machine)
        else:
            _self_contained(tree)
        size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
        folder.mkdir(parents=True, exist_ok=True)
        made = pack(tree, packages.version(SOURCE), Path(temporary) / "made", machine)
        final = folder / f"rigfarm-sentry-{machine}"
        draft = shutil.move(made, final.with_name(f".{final.name}.new"))
        Path(draft).replace(final)
    print(f"{final}: {final.stat().st_size / 1e6:.1f} MB, {size / 1e6:.0f} MB unpacked")
    return final


def _self_contained(tree: Path) -> None:
    print("Python and its standard library …", flush=True)
    standard.copy(tree)
    print("The Sentry and what its lock names …", flush=True)
    packages.copy(LOCK, SOURCE, standard.library(tree))
    standard.compile_all(tree)
    print("Shared libraries …", flush=True)
    libraries.copy(tree)
    program.write(tree)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build a Sentry as one file that a Commander hands to rigs.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    parser.add_argument("--python", action="store_true", help="without a Python: it runs with the rig's")
    parser.add_argument("--machine", default=platform.machine(), help="what `uname -m` says on the rigs")
    asked = parser.parse_args()
    if asked.machine != platform.machine() and not asked.python:
        parser.error("a self-contained Sentry is built on a machine like the rigs'; for others: --python")
    main(asked.folder, python=asked.python, machine=asked.machine)
