"""The beat in which a rig reports."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable

__all__ = ["beat"]

_LOOK_S = 1.0
"""How soon a changed interval is noticed."""
_SHORTEST_S = 0.02


async def beat(interval_s: Callable[[], float]) -> AsyncIterator[None]:
    """Now, and then every `interval_s()` on the monotonic clock, in a phase drawn once: rigs that start together do not
    report together for ever. A beat that could not be kept is left out, not made up for."""
    yield
    last = time.monotonic() - random.random() * max(interval_s(), _SHORTEST_S)  # noqa: S311 - spreads load, no secret
    while True:
        while (wait := last + max(interval_s(), _SHORTEST_S) - time.monotonic()) > 0:  # noqa: ASYNC110 - it is time we wait for
            await asyncio.sleep(min(wait, _LOOK_S))
        interval = max(interval_s(), _SHORTEST_S)
        # At least one: rounding may put a beat that is due a hair before its time.
        last += interval * max(1.0, (time.monotonic() - last) // interval)
        yield
