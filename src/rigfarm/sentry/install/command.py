"""How this very Sentry is started."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["command", "homes"]

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


def command() -> list[str]:
    """The command of the Sentry that is asking: the self-contained program, the installed script, or the module."""
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).resolve()), "sentry", "run"]
    script = Path(sys.executable).with_name("rigfarm")
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "rigfarm.cli"]
    return [*start, "sentry", "run"]


def homes(program: str) -> bool:
    """Whether the program, or the Python that runs it, lies in somebody's home folder."""
    places = [Path(program), Path(program).resolve(), Path(sys.prefix), Path(sys.executable).resolve(), Path(__file__)]
    return any(place.is_relative_to(home) for place in places for home in _HOMES)
