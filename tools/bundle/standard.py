"""The interpreter that runs this, and the part of its standard library that a Sentry can use, as compiled files."""

from __future__ import annotations

import compileall
import py_compile
import shutil
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = frozenset(
    """
    site-packages dist-packages __pycache__ test tests idlelib tkinter turtledemo turtle.py ensurepip lib2to3 distutils
    pydoc_data pydoc.py doctest.py venv curses dbm msilib wsgiref xmlrpc unittest sitecustomize.py
    _tkinter _curses _curses_panel _dbm _gdbm nis readline ossaudiodev audioop _crypt spwd xxlimited xxlimited_35
    """.split()  # noqa: SIM905
)
"""Parts of the standard library that only developers, desktops or old programs use; extension modules by their name."""


def library(tree: Path) -> Path:
    """Where the standard library is in the bundle: where this Python looks for it, relative to itself."""
    return tree / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def copy(tree: Path) -> None:
    """The interpreter as `bin/python.elf`, and the standard library."""
    (tree / "bin").mkdir(parents=True)
    shutil.copy(Path(sys.executable).resolve(), tree / "bin" / "python.elf")
    source = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(source, library(tree), ignore=_ignore)


def _ignore(folder: str, names: list[str]) -> set[str]:
    extension = folder.endswith("lib-dynload")
    return {
        name
        for name in names
        if name in LEFT_OUT
        or name.startswith(("config-", "_test", "_xx"))
        or (extension and name.partition(".")[0] in LEFT_OUT)
    }


def compile_all(tree: Path) -> None:
    """Every source file becomes its compiled form, which is the same whenever and wherever it is made."""
    done = compileall.compile_dir(
        library(tree),
        quiet=1,
        legacy=True,
        workers=0,
        force=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(tree),
    )
    if not done:
        sys.exit("A file cannot be compiled; the lines above say which.")
    for source in library(tree).rglob("*.py"):
        source.unlink()
