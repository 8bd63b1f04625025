"""Many rows, a statement at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["portions"]

AT_ONCE = 500
"""Well below what a database takes as parameters of one statement."""
T = TypeVar("T")


def portions(rows: Iterable[T]) -> Iterator[list[T]]:
    """These rows or ids in lists that one statement takes; none where there are none."""
    every = list(rows)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))
