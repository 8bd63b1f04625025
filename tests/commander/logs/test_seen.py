"""A sequence number is taken once, whatever pieces it comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.logs.seen import MAX_RANGES, Seen, TooManyRangesError

pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda p: (p[0], p[0] + p[1])), max_size=40)


@given(pieces)
def test_it_works_like_a_set_of_numbers(ranges: list[tuple[int, int]]) -> None:
    seen, oracle = Seen(), set[int]()
    for first, last in ranges:
        fresh = seen.take(first, last)
        numbers = [n for low, high in fresh for n in range(low, high + 1)]
        assert numbers == sorted(set(range(first, last + 1)) - oracle)
        oracle |= set(range(first, last + 1))
        assert [n for low, high in seen.ranges for n in range(low, high + 1)] == sorted(oracle)


@given(pieces)
def test_ranges_stay_joined_so_memory_stays_small(ranges: list[tuple[int, int]]) -> None:
    seen = Seen()
    for first, last in ranges:
        seen.take(first, last)
    assert all(before[1] + 1 < after[0] for before, after in zip(seen.ranges, seen.ranges[1:], strict=False))


def test_numbers_in_too_many_pieces_are_refused() -> None:
    seen = Seen([(3 * n, 3 * n) for n in range(MAX_RANGES)])
    with pytest.raises(TooManyRangesError):
        seen.take(10 * MAX_RANGES, 10 * MAX_RANGES)
    assert seen.take(1, 2) == [(1, 2)], "a piece that closes a hole is always taken"
