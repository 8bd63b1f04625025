"""How a fault test says what it found: printed, and written down for docs/reliability.md by `make faults`.

A promise is shown together with its *control*: the same test with a named mutation of the product, which must fail. A
test that passes with its control is no test.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["FULL", "record", "scaled"]

FULL = bool(os.environ.get("RIGFARM_FAULTS_FULL"))
"""`make faults`: the full counts; `make test` takes a short form of each."""


def scaled(short: int, full: int) -> int:
    """How often to try."""
    return full if FULL else short


def record(row: int, promise: str, *, n: int, bad: int, control: str, control_bad: str, unit: str = "") -> None:
    """Write down `bad` of `n`, and what the control did."""
    line = {
        "row": row,
        "promise": promise,
        "n": n,
        "bad": bad,
        "unit": unit,
        "control": control,
        "control_bad": control_bad,
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0],
        "full": FULL,
    }
    print(f"\n  [{row}] {promise}: {bad} of {n} {unit}; control ({control}): {control_bad}")
    path = os.environ.get("RIGFARM_FAULTS_REPORT")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
