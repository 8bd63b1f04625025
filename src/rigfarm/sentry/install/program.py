"""The installed program and how people call it. A self-contained Sentry's program is ours to replace and to remove;
that of an ordinary installation (pip) belongs to the one who made it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import join

from rigfarm.service import InstallError

__all__ = ["COMMAND", "own_program", "put_command", "remove_command", "remove_older", "remove_program"]

COMMAND = Path("usr/local/bin/rigfarm")
_MARK = "bundle.json"
"""tools/bundle puts it at the top of what it builds."""
_SIGN = "# Written by `rigfarm sentry install`"


def own_program() -> Path | None:
    """The folder of the self-contained Sentry that this is; None for an ordinary installation."""
    folder = Path(sys.prefix)
    return folder if (folder / _MARK).is_file() else None


def put_command(root: Path, start: Sequence[str]) -> list[str]:
    """Have `rigfarm` call `start`. A command of that name which is not ours stays. Raises InstallError."""
    path = root / COMMAND
    if start[0] == f"/{COMMAND}":
        return []
    if path.exists() and not _ours(path):
        return [f"Left /{COMMAND}, which is another installation's. This one's command is {join(start)}."]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(f'#!/bin/sh\n{_SIGN}; `rigfarm sentry uninstall` removes it.\nexec {join(start)} "$@"\n')
        draft.chmod(0o755)
        draft.replace(path)
    except OSError as error:
        raise InstallError(f"{path} cannot be written ({error.strerror}).") from None
    return [f"Its command is /{COMMAND}."]


def remove_command(root: Path) -> list[str]:
    """If it is ours."""
    path = root / COMMAND
    if not path.exists() or not _ours(path):
        return []
    path.unlink()
    return [f"Removed /{COMMAND}."]


def remove_older(program: Path) -> list[str]:
    """Take away the programs that this one replaces; none of them may be running."""
    older = [folder for folder in program.parent.glob("sentry-*") if folder != program and (folder / _MARK).is_file()]
    for folder in older:
        shutil.rmtree(folder)
    return [f"Removed {folder}, which it replaces." for folder in older]


def remove_program(program: Path) -> list[str]:
    """A self-contained Sentry, from within: the caller can import nothing any more."""
    remove_older(program)
    shutil.rmtree(program)
    if not any(program.parent.iterdir()):
        program.parent.rmdir()
    return [f"Removed {program}."]


def _ours(path: Path) -> bool:
    try:
        return _SIGN in path.read_text(errors="replace")[:200]
    except OSError:
        return False
