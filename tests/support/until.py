"""Waiting for something to become true. The deadline only keeps a failing test from hanging; no test measures by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["until", "until_now"]

Said = str | Callable[[], str]


async def until(condition: Callable[[], object], what: Said = "", within_s: float = 60.0) -> None:
    """Let others work until it holds; `what` never came."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, _never_came(condition, what)
        await asyncio.sleep(0.01)


def until_now(condition: Callable[[], object], what: Said = "", within_s: float = 60.0) -> None:
    """The same in a test that has no event loop."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, _never_came(condition, what)
        time.sleep(0.05)


def _never_came(condition: Callable[[], object], what: Said) -> str:
    return f"never came: {what() if callable(what) else what or condition}"
