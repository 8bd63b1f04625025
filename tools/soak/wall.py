"""A wall clock that somebody else turns: for processes of a soak."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["turned_by"]

LOOKS_EVERY_S = 0.1


def turned_by(path: Path) -> None:
    """From now on, this process' time of day is wrong by as many ms as the file says. Call it first of all."""
    real_ns, looked_at, wrong_ms = time.time_ns, -LOOKS_EVERY_S, 0

    def time_ns() -> int:
        nonlocal looked_at, wrong_ms
        if time.monotonic() - looked_at > LOOKS_EVERY_S:
            looked_at = time.monotonic()
            wrong_ms = int(path.read_text() or 0) if path.exists() else 0
        return real_ns() + wrong_ms * 1_000_000

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
