"""A Sentry tells totals of lost logs by rig: what is new in them is counted, once, whatever comes twice or never."""

from __future__ import annotations

import random

from rigfarm.commander.link.drops import Drops

SPOOL, OTHER = b"s" * 16, b"o" * 16


def test_it_works() -> None:
    drops = Drops()
    assert drops.fresh(7, SPOOL, 100, 0) == 100
    assert drops.fresh(7, SPOOL, 100, 0) == 0
    assert drops.fresh(7, SPOOL, 150, 100) == 50
    assert drops.fresh(8, SPOOL, 3, 0) == 3


def test_a_commander_that_starts_anew_hears_only_of_what_was_not_acknowledged() -> None:
    assert Drops().fresh(7, SPOOL, 1_000, 990) == 10


def test_another_spool_and_one_that_began_anew() -> None:
    drops = Drops()
    assert drops.fresh(7, SPOOL, 100, 0) == 100
    assert drops.fresh(7, OTHER, 5, 0) == 5
    assert drops.fresh(7, OTHER, 2, 0) == 2


def test_a_total_below_what_was_told_counts_nothing() -> None:
    assert Drops().fresh(7, SPOOL, 3, 9) == 0


def test_any_order_of_lost_frames_and_acknowledgements() -> None:
    chance = random.Random(5)
    for _ in range(500):
        drops, total, told, counted = Drops(), 0, 0, 0
        for _ in range(20):
            total += chance.randrange(4)
            if chance.random() < 0.6:  # the frame arrives
                counted += drops.fresh(7, SPOOL, total, told)
                if chance.random() < 0.5:  # and its acknowledgement too
                    told = total
        counted += drops.fresh(7, SPOOL, total, told)
        assert counted == total


def test_a_removed_rig_is_forgotten() -> None:
    drops = Drops()
    for rig in range(100):
        drops.fresh(rig, SPOOL, 1, 0)
        drops.forget(rig)
    assert not drops._totals
