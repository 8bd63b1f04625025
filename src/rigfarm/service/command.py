"""How this very program is started."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["command", "homes"]

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


def command(*words: str, root: Path = Path("/")) -> list[str]:
    """The command that starts us with these words: the script beside its Python, or the module.

    On the machine whose file system is at `root` it has the same place, when it lies in there.
    """
    script = Path(sys.executable).with_name("rigfarm")
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "rigfarm.cli"]
    if Path(start[0]).is_relative_to(root):
        start[0] = f"/{Path(start[0]).relative_to(root)}"
    return [*start, *words]


def homes(program: str) -> bool:
    """Whether the program, or the Python that runs it, lies in somebody's home folder."""
    places = [Path(program), Path(program).resolve(), Path(sys.prefix), Path(sys.executable).resolve(), Path(__file__)]
    return any(place.is_relative_to(home) for place in places for home in _HOMES)
