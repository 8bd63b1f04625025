"""Build a release in dist/: what `pip install` and rigs need, with nothing left to fetch but the locked packages.

    rigfarm-VERSION-py3-none-any.whl     the Commander with its front-end files, and a self-contained Sentry for rigs
    rigfarm-VERSION.tar.gz               the same as sources
    rigfarm-VERSION-commander.txt        the locked packages that a Commander runs with, by hash
    rigfarm-VERSION-export.txt           those that it needs besides to export Parquet
    rigfarm-VERSION.cdx.json             what all of this contains, as an SBOM
    SHA256SUMS                           of all of these

The same commit makes the same wheel: its times are the commit's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src") / "rigfarm"
BUNDLE = PACKAGE / "commander" / "bundle" / "data"
MANUAL = PACKAGE / "commander" / "manual" / "data"
SOURCES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"


def main(folder: Path) -> None:
    """Build it, and say what is there."""
    version = str(runpy.run_path(str(ROOT / PACKAGE / "__init__.py"))["__version__"])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rigfarm-dist-") as temporary:
        tree, made = Path(temporary) / "tree", Path(temporary) / "made"
        made.mkdir()
        _copy_sources(tree)
        subprocess.run([sys.executable, str(ROOT / "tools" / "bundle"), str(tree / BUNDLE)], check=True)
        # Wheels keep times as zip files do, since 1980 and to two seconds.
        environment = {**os.environ, "SOURCE_DATE_EPOCH": _commit_time()}
        for form in ("sdist", "wheel"):
            command = [sys.executable, "-c", BUILD.format(form), str(made)]
            subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
        for name in ("commander", "export"):
            shutil.copy(ROOT / "requirements" / f"{name}.txt", made / f"rigfarm-{version}-{name}.txt")
        [wheel] = made.glob("*.whl")
        described = made / f"rigfarm-{version}.cdx.json"
        command = [sys.executable, str(ROOT / "tools" / "sbom.py"), str(wheel), str(described)]
        subprocess.run(command, env=environment, check=True)
        files = sorted(made.iterdir())
        sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
        (made / "SHA256SUMS").write_text(sums)
        for file in (*files, made / "SHA256SUMS"):
            shutil.move(file, folder / file.name)
            print(f"{folder / file.name}: {(folder / file.name).stat().st_size / 1e6:.1f} MB")


def _copy_sources(tree: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
    shutil.copytree(ROOT / "src", tree / "src", ignore=ignore)
    shutil.rmtree(tree / BUNDLE, ignore_errors=True)
    manual = tree / MANUAL
    shutil.rmtree(manual, ignore_errors=True)
    manual.mkdir()
    for file in (ROOT / "docs").glob("*.md"):
        shutil.copy(file, manual)
    for name in SOURCES:
        shutil.copy(ROOT / name, tree / name)


def _commit_time() -> str:
    """s since 1970."""
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build a release.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    main(parser.parse_args().folder.absolute())
