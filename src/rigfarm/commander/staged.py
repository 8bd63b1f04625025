"""Work that goes on in stages, from seconds to days: time passes for all of it, and none keeps the others waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.refusals import Refusal
from rigfarm.commander.supervised import Part

__all__ = ["pass_time", "take_on"]

TICK_S = 1.0

Staged = TypeVar("Staged")


async def pass_time(part: Part, tick: Callable[[float], Awaitable[None]]) -> None:
    """Tell `tick` how many seconds passed, once a second, until cancelled."""
    before = time.monotonic()
    while True:
        await asyncio.sleep(TICK_S)
        part.beat()
        now = time.monotonic()
        await tick(now - before)
        before = now


async def take_on(
    all_of_it: Iterable[Staged],
    step: Callable[[Staged], Awaitable[None]],
    waits: Callable[[Staged, Exception], None],
) -> None:
    """One step of each. `waits` is told of those that the database or a refusal keeps from theirs; any other error is
    raised once all had their turn."""
    unexpected: Exception | None = None
    for one in list(all_of_it):
        try:
            await step(one)
        except (SQLAlchemyError, Refusal) as error:
            waits(one, error)
        except Exception as error:  # noqa: BLE001 - raised below
            unexpected = error
    if unexpected is not None:
        raise unexpected
