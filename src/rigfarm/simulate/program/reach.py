"""A way for programs of an unprivileged user to what a test, a demo or a benchmark that runs as root keeps."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["anyones_python", "let_programs_in"]


@cache
def anyones_python() -> str:
    """An interpreter that every user may run: this one, if root's home is not in the way."""
    others = [path for path in (shutil.which("python3", path="/usr/bin:/usr/local/bin"),) if path is not None]
    return next((path for path in (sys.executable, *others) if _is_open(Path(path))), sys.executable)


def let_programs_in(folder: Path, *, beside: bool = True) -> None:
    """Open the temporary folders above it for passing through, and the one it is in for writing `beside` it."""
    if os.geteuid() != 0:
        return
    temporary = Path(tempfile.gettempdir())
    folder.parent.mkdir(parents=True, exist_ok=True)
    for above in folder.absolute().parents:
        if temporary in above.parents and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode & 0o7777 | 0o001)
    if beside and temporary in folder.absolute().parent.parents:
        folder.absolute().parent.chmod(0o1777)


def _is_open(program: Path) -> bool:
    places = {program.parent, program.resolve().parent, *program.parents, *program.resolve().parents}
    return program.exists() and all(place.stat().st_mode & 0o001 for place in places)
