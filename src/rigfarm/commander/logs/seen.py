"""Which sequence numbers of a spool have been taken: what makes a re-sent log have no effect twice.

A spool's numbers only grow and are sent in two lanes (new ones at once, the backlog oldest first), so what was taken
is one or two ranges; every reconnect in the middle of a backlog may add one, and draining it joins them again.
"""

from __future__ import annotations

from bisect import bisect_right

__all__ = ["MAX_RANGES", "Seen", "TooManyRangesError"]

MAX_RANGES = 1_000


class TooManyRangesError(ValueError):
    """A spool's numbers come in more pieces than a Sentry ever makes."""


class Seen:
    """A set of integers as sorted, disjoint, inclusive ranges."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        self._firsts = [first for first, _ in ranges or ()]
        self._lasts = [last for _, last in ranges or ()]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, ascending."""
        return list(zip(self._firsts, self._lasts, strict=True))

    @property
    def highest(self) -> int | None:
        """The largest number."""
        return self._lasts[-1] if self._lasts else None

    def take(self, first: int, last: int) -> list[tuple[int, int]]:
        """Add first..last; return the parts that were not in the set before, ascending."""
        firsts, lasts = self._firsts, self._lasts
        if lasts and first == lasts[-1] + 1:
            lasts[-1] = last
            return [(first, last)]
        # The ranges low..high touch or overlap first..last and melt into one.
        low = bisect_right(firsts, first)
        if low and lasts[low - 1] >= first - 1:
            low -= 1
        high = low
        fresh: list[tuple[int, int]] = []
        cursor = first
        start, end = first, last
        while high < len(firsts) and firsts[high] <= last + 1:
            if cursor < firsts[high] and cursor <= last:
                fresh.append((cursor, min(last, firsts[high] - 1)))
            cursor = max(cursor, lasts[high] + 1)
            start, end = min(start, firsts[high]), max(end, lasts[high])
            high += 1
        if cursor <= last:
            fresh.append((cursor, last))
        if high == low and len(firsts) >= MAX_RANGES:
            raise TooManyRangesError(f"sequence numbers in more than {MAX_RANGES} pieces")
        firsts[low:high] = [start]
        lasts[low:high] = [end]
        return fresh
