"""Many rows, a statement at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlalchemy import Column, ColumnElement, bindparam

__all__ = ["among", "portions"]

AT_ONCE = 500
"""Well below what a database takes as parameters of one statement."""
T = TypeVar("T")


def portions(rows: Iterable[T]) -> Iterator[list[T]]:
    """These rows or ids in lists that one statement takes; none where there are none."""
    every = list(rows)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))


def among(column: Column[int], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether it has one of these numbers, however many: they are part of the statement, not its parameters."""
    return column.in_(bindparam(None, sorted(numbers), expanding=True, literal_execute=True))
