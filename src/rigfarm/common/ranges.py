"""Sets of whole numbers as sorted, disjoint, inclusive ranges: what is acknowledged, under way, or will never come."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

__all__ = ["RangeSet"]


class RangeSet:
    """A set of integers; adjacent ranges merge. Adding at the end is O(1)."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __len__(self) -> int:
        """Number of ranges, not of integers."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and self._lasts[at] >= number

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

    @property
    def size(self) -> int:
        """How many integers."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def last(self) -> int | None:
        """The largest."""
        return self._lasts[-1] if self._lasts else None

    def overlaps(self, first: int, last: int) -> bool:
        """Whether any of first..last is in the set."""
        at = bisect_left(self._lasts, first)
        return at < len(self._firsts) and self._firsts[at] <= last

    def within(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of first..last that are in the set, ascending."""
        found = []
        at = bisect_left(self._lasts, first)
        while at < len(self._firsts) and self._firsts[at] <= last:
            found.append((max(first, self._firsts[at]), min(last, self._lasts[at])))
            at += 1
        return found

    def without(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of first..last that are not in the set, ascending."""
        if first > last:
            raise ValueError(f"a range from {first} to {last}")
        found = []
        for start, end in self.within(first, last):
            if start > first:
                found.append((first, start - 1))
            first = end + 1
        return [*found, (first, last)] if first <= last else found

    def add(self, first: int, last: int) -> None:
        """Add first..last."""
        if first > last:
            raise ValueError(f"a range from {first} to {last}")
        # Ranges low..high-1 overlap or touch the new one and melt into it.
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def discard(self, first: int, last: int) -> None:
        """Take first..last away, as far as it is there."""
        low = bisect_left(self._lasts, first)
        high = bisect_right(self._firsts, last)
        if low >= high:
            return
        left = [(self._firsts[low], first - 1)] if self._firsts[low] < first else []
        right = [(last + 1, self._lasts[high - 1])] if self._lasts[high - 1] > last else []
        kept = left + right
        self._firsts[low:high] = [one for one, _ in kept]
        self._lasts[low:high] = [one for _, one in kept]
