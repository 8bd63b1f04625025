"""A rig's coins are learned to be mined all the time or now and then, by what it does."""

from __future__ import annotations

import msgspec
import pytest

from rigfarm.commander.stats.normal import Normal, see
from rigfarm.commander.stats.rig_stats import RigStats


def farm(pattern: list[tuple[float, float]], looks: int) -> RigStats:
    """A rig that does `pattern` (rates of A and B, one look each half minute) again and again."""
    rig = RigStats(1, "cpu-gpu")
    for number in range(looks):
        rates = dict(zip("AB", pattern[number % len(pattern)], strict=True))
        for coin, rate in rates.items():
            others = any(other for name, other in rates.items() if name != coin)
            see(rig.normal, coin, rate, number * 30.0, since_s=30.0, others=others)
    return rig


@pytest.mark.parametrize(
    ("pattern", "in_rounds"),
    [
        ([(0.0, 5.0)] * 4 + [(9.0, 0.0)] * 236, "B"),  # Zilliqa's two minutes in two hours
        ([(9.0, 5.0)] * 6 + [(9.0, 0.0)] * 60, "B"),
        ([(9.0, 0.0)] * 20 + [(9.0, 5.0)] * 220, ""),  # a pool that fails for ten minutes
        ([(9.0, 0.0)] + [(9.0, 5.0)] * 3, ""),  # one look without
        ([(9.0, 0.0)], ""),  # never mined
        ([(0.0, 0.0)] * 200 + [(9.0, 5.0)] * 40, ""),  # the whole rig stands still
    ],
)
def test_what_comes_in_rounds(pattern: list[tuple[float, float]], in_rounds: str) -> None:
    rig = farm(pattern, 1_500)
    assert [coin for coin in "AB" if rig.mines_in_rounds(coin)] == list(in_rounds)
    assert not rig.mines_in_rounds("C")


def test_it_outlives_a_restart_and_an_older_snapshot_is_read() -> None:
    rig = farm([(0.0, 5.0)] * 4 + [(9.0, 0.0)] * 236, 1_500)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(rig.normal), type=dict[str, Normal])
    assert kept["B"].rounds.learned
    older = {"A": {"hours": [1.0], "started": 0.0, "total": 0.0, "samples": 0, "value": 1.0}}
    assert not msgspec.convert(older, dict[str, Normal])["A"].rounds.learned
