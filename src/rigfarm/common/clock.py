"""The time of day, as every log, row and frame writes it."""

from __future__ import annotations

import time

__all__ = ["utc_ms"]


def utc_ms() -> int:
    """UTC, in milliseconds since 1970, by this machine's clock. For durations use `time.monotonic`."""
    return time.time_ns() // 1_000_000
