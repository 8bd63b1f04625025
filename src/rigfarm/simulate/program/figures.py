"""Figures of the fault tests: how many times, and what came of it, as lines of JSON for whoever writes them down."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["full", "repeats", "report"]


def full() -> bool:
    """Whether the long form of every fault test was asked for (RIGFARM_FAULTS_FULL=1)."""
    return os.environ.get("RIGFARM_FAULTS_FULL", "") not in ("", "0")


def repeats(short: int, long: int) -> int:
    """How often to repeat."""
    return long if full() else short


def report(row: int, promise: str, *, n: int, bad: int, control: str, **more: object) -> None:
    """Append one result to the file that RIGFARM_FAULTS_REPORT names, if it names one. `control` says which mutation
    was seen to fail, and how."""
    path = os.environ.get("RIGFARM_FAULTS_REPORT")
    if path:
        line = {"row": row, "promise": promise, "n": n, "bad": bad, "control": control, **more}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
