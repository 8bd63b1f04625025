"""What is normal for a rig: a table of what it hashed and the number that follows. A wrong normal calls a rig slow that
works well, or says nothing of one that lost a card."""

from __future__ import annotations

import pytest

from rigfarm.commander.stats.normal import HOURS, MAX_NORMALS, Normal, see

EVERY_S = 30.0

MINED = {  # (H/s, minutes) one after the other: the normal, H/s
    "before an hour is over nothing is normal": ([(100.0, 59.0)], None),
    "an hour": ([(100.0, 61.0)], 100.0),
    "the mean of an hour": ([(100.0, 30.0), (200.0, 30.5)], 150.0),
    "idle time is not in it": ([(100.0, 40.0), (0.0, 40.0), (100.0, 1.0)], 100.0),
    "nor is a rig that starts idle": ([(0.0, 90.0), (100.0, 61.0)], 100.0),
    "an hour of little mining says too little": ([(100.0, 25.0), (0.0, 60.0), (100.0, 1.0)], None),
    "what was mined in it belongs to no later hour": (
        [(500.0, 25.0), (0.0, 60.0), (500.0, 0.5), (100.0, 61.0)],
        100.0,
    ),
    "one bad hour of three": ([(100.0, 60.5), (10.0, 60.5), (100.0, 60.5)], 100.0),
    "a change is normal once it lasted for half a day": ([(100.0, 60.5 * 11), (200.0, 60.5 * 13)], 200.0),
    "only the last day counts": ([(900.0, 60.5 * 40), (100.0, 60.5 * HOURS)], 100.0),
}


@pytest.mark.parametrize("what", MINED)
def test_what_follows_from_what_was_mined(what: str) -> None:
    mined, expected = MINED[what]
    normal, now_s = Normal(), 5_000.0
    for rate, minutes in mined:
        for _ in range(int(minutes * 60 / EVERY_S)):
            normal.see(rate, now_s)
            now_s += EVERY_S
    assert normal.value == (None if expected is None else pytest.approx(expected, rel=0.01))
    assert len(normal.hours) <= HOURS


def test_a_hash_in_two_seconds_is_mining_too() -> None:
    """Argon2 and its like on a small board: "half a hash a second" is what is normal there."""
    normal = Normal()
    assert [normal.see(0.5, 40.0 * at) for at in range(91)] == [False] * 90 + [True]
    assert normal.value == 0.5
    assert not normal.see(0.0, 9e9)
    assert (normal.samples, normal.total) == (0, 0.0)


def test_an_hour_is_full_after_an_hour_and_counts_with_enough_logs() -> None:
    for every, count, value in ((60.0, 61, 7.0), (61.2, 59, None), (61.1, 60, 7.0)):
        normal = Normal()
        for at in range(count):
            normal.see(7.0, 500.0 + every * at)
        assert normal.value == value, every
    normal = Normal()
    for at in range(60):
        normal.see(7.0, 500.0 + 61.0 * at)
    assert (normal.value, normal.samples, normal.started) == (None, 60, 500.0), "a second is missing"


def test_of_too_many_coins_the_one_not_mined_for_longest_makes_room() -> None:
    """A rig that is switched through coins keeps what is normal for those that it mines."""
    normals: dict[str, Normal] = {}
    for number in range(MAX_NORMALS):
        see(normals, f"C{number}", 1.0, 0.0)
    see(normals, "C0", 1.0, 1.0)
    see(normals, "new", 1.0, 1.0)
    assert len(normals) == MAX_NORMALS
    assert ("C0" in normals, "C1" in normals, list(normals)[-1]) == (True, False, "new")
    assert normals["C0"].samples == 2
    rounds = normals["new"].rounds
    assert (rounds.mined_s, rounds.paused_s) == (0.0, 0.0), "nothing is known of the time before the first log"
    see(normals, "new", 0.0, 2.0, since_s=30.0)
    assert rounds.paused_s == 0.0, "nor of a pause in which no other coin is mined"
    see(normals, "new", 0.0, 2.0, since_s=30.0, others=True)
    assert (rounds.mined_s, rounds.paused_s) == (0.0, 30.0)
