"""The time of day, as every log, row and frame writes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["iso", "moment", "utc_ms"]


def utc_ms() -> int:
    """UTC, in milliseconds since 1970, by this machine's clock. For durations use `time.monotonic`."""
    return time.time_ns() // 1_000_000


def moment(ms: int) -> datetime:
    """Milliseconds since 1970 as a time, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(ms: int | None) -> str:
    """UTC ms as `2026-01-31T23:59:59Z`, for `<time datetime>` and links. Empty when there is none, or it is none."""
    return "" if ms is None or not 0 <= ms < 1 << 43 else _iso(ms // 1000)


@lru_cache(512)
def _iso(seconds: int) -> str:
    """Many rigs report in the same second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
