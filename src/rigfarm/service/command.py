"""How this very program is started."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["command", "homes", "inside"]

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


def command(*words: str, root: Path = Path("/")) -> list[str]:
    """The command that starts us with these words: the script beside its Python, or the module.

    On the machine whose file system is at `root` it has the same place, when it lies in there.
    """
    script = Path(sys.executable).with_name("rigfarm")
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "rigfarm.cli"]
    return [inside(root, start[0]), *start[1:], *words]


def inside(root: Path, path: str) -> str:
    """The path as the machine whose file system is at `root` calls it, when it lies in there."""
    return f"/{Path(path).relative_to(root)}" if Path(path).is_relative_to(root) else path


def homes(program: str) -> bool:
    """Whether the program, or the Python that runs it, lies in a user's home folder."""
    places = [Path(program), Path(program).resolve(), Path(sys.prefix), Path(sys.executable).resolve(), Path(__file__)]
    return any(place.is_relative_to(home) for place in places for home in _HOMES)
