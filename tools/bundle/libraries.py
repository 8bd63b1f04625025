"""Every shared library that the bundle's programs need, the C library and its loader included.

With a C library of its own the bundle does not ask which one the rig has: a program that was linked to a newer one than
the rig's does not start there at all. A driver's library that is loaded from the rig (NVIDIA's) was linked to an older
one, which any newer one serves.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

LOADER = "rigfarm-sentry"
"""The loader's name in the bundle: it is what `ps` and `top` show."""
LOADED_BY_NAME = """
    libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2 libgcc_s.so.1
    libnss_compat.so.2 libnss_files.so.2 libnss_dns.so.2
    """.split()  # noqa: SIM905
"""Needed by a driver's library, or loaded by the C library itself when it looks up users and hosts."""
_NEEDED = re.compile(r"^\s*(\S+) => (/\S+) \(0x", re.MULTILINE)
_LOADER = re.compile(r"^\s*(/\S*/ld-[^/\s]+) \(0x", re.MULTILINE)


def copy(tree: Path) -> None:
    """Into `lib/`, without what debuggers need."""
    target = tree / "lib"
    programs = [tree / "bin" / "python.elf", *tree.rglob("*.so")]
    needed: dict[str, Path] = {}
    loader: Path | None = None
    for program in programs:
        said = _ldd(program)
        needed |= {name: Path(path) for name, path in _NEEDED.findall(said)}
        found = _LOADER.search(said)
        loader = Path(found[1]) if found else loader
    if loader is None or "libc.so.6" not in needed:
        sys.exit("This Python is not linked to the GNU C library: build the bundle on Debian, Ubuntu or the like.")
    beside = needed["libc.so.6"].parent
    for name in LOADED_BY_NAME:
        if (beside / name).exists():
            needed[name] = beside / name
    for name, path in needed.items():
        shutil.copy(path.resolve(), target / name)
    shutil.copy(loader.resolve(), target / LOADER)
    _strip([*programs, *(target / name for name in needed)])
    (target / LOADER).chmod(0o755)


def _ldd(program: Path) -> str:
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    if "not found" in done.stdout:
        sys.exit(f"{program} needs a library that is not here:\n{done.stdout}")
    return done.stdout


def _strip(files: list[Path]) -> None:
    strip = shutil.which("strip")
    if strip is None:
        print("There is no `strip` (apt-get install binutils): the bundle holds what debuggers need, and is larger.")
        return
    for file in files:
        file.chmod(0o755)
    subprocess.run([strip, "--strip-unneeded", *map(str, files)], check=True)
