"""Work on all rigs of a farm, a slice at a time.

A hundred thousand rigs are gone through in a tenth of a second. Each function here that yields has done a slice's worth
by then: who has all the time goes on at once, who shares the event loop lets others have their turn.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from rigfarm.commander.stats.condition import Condition

__all__ = ["SLICE", "Steps", "at_once", "counted", "in_turns", "picked", "slices", "sorted_by"]

SLICE = 1_000
TURN_S = 0.01
"""The event loop is held for this long at a time."""
_T = TypeVar("_T")
Steps: TypeAlias = Generator[None, None, _T]
"""Work that yields after each slice, and returns what came of it."""


def at_once(steps: Steps[_T]) -> _T:
    """All of it in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: _T = end.value
            return found


async def in_turns(steps: Steps[object]) -> None:
    """All of it, in turns between which the event loop is free."""
    until = time.monotonic() + TURN_S
    for _ in steps:
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + TURN_S


def slices(rigs: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """All of them, some at a time."""
    return (rigs[at : at + SLICE] for at in range(0, len(rigs), SLICE))


def picked(ids: Sequence[int], tests: Sequence[Callable[[int], bool]]) -> Steps[list[int]]:
    """Those for which all tests hold."""
    found: list[int] = []
    for some in slices(ids):
        for test in tests:
            some = [one for one in some if test(one)]
        found += some
        yield
    return found


def counted(ids: Sequence[int], conditions: Mapping[int, Condition]) -> Steps[Mapping[str, int]]:
    """How many there are by state word, and those that need `attention` or are in `maintenance`."""
    counts = Counter({"attention": 0})
    for some in slices(ids):
        known = [condition for one in some if (condition := conditions.get(one)) is not None]
        counts.update([one.state for one in known])
        counts["attention"] += len([1 for one in known if one.severity > 0])
        counts["maintenance"] += len([1 for one in known if one.maintenance])
        yield
    return counts


def sorted_by(ids: Sequence[int], keys: Sequence[Mapping[int, Any]], *, descending: bool) -> Steps[list[int]]:
    """In the order of the first key, then of the next. Those of which it is unknown come last; equal ones stay as they
    are."""
    first = keys[0]
    known = [one for one in ids if first.get(one) is not None]
    columns = [_side_by_side([key[one] for one in known]) for key in keys]
    order = list(range(len(known)))
    for column in reversed(columns):  # to compare tuples would take several times as long
        yield
        order.sort(key=column.__getitem__, reverse=descending)
    found = [known[at] for at in order]
    if len(found) < len(ids):
        found += [one for one in ids if first.get(one) is None]
    return found


def _side_by_side(values: list[Any]) -> list[Any]:
    """Numbers as copies that lie next to each other in memory: they are compared in a fraction of the time."""
    return array("d", values).tolist() if values and isinstance(values[0], int | float) else values
