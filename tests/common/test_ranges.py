"""Sets of numbers as ranges, against sets of numbers."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rigfarm.common.ranges import RangeSet

RANGES = st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda one: (one[0], one[0] + one[1]))


def numbers(parts: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in parts for number in range(first, last + 1)}


@given(st.lists(RANGES, max_size=12), st.lists(RANGES, max_size=6), RANGES)
def test_it_is_a_set(added: list[tuple[int, int]], taken: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    ranges = RangeSet(added)
    for first, last in taken:
        ranges.discard(first, last)
    expected = numbers(added) - numbers(taken)
    assert numbers(list(ranges)) == expected
    assert ranges.size == len(expected)
    assert numbers(ranges.within(*asked)) == expected & numbers([asked])
    assert numbers(ranges.without(*asked)) == numbers([asked]) - expected
    assert ranges.overlaps(*asked) == bool(expected & numbers([asked]))
    pieces = list(ranges)
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(pieces)), "neighbours melt"
