"""Where the helpers of the tests are."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["HERE", "add"]

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"


def add() -> None:
    """From now on they can be imported."""
    sys.path += [str(TESTS), str(TESTS / "faults"), str(HERE.parent)]
