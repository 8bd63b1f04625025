"""A rig's token cannot push out what is remembered of other Sentries' spools: their logs would be stored twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigfarm.commander.logs import journal as journals
from rigfarm.commander.logs.holders import SPOOLS_PER_RIG, SpoolHolders
from rigfarm.commander.logs.journal import Journal


def test_ever_new_spools_of_one_rig_cost_only_its_own() -> None:
    holders = SpoolHolders()
    assert holders.claim(b"honest", [1]) == []
    left = [one for number in range(1_000) for one in holders.claim(f"{number}".encode(), [2])]
    assert left == [f"{number}".encode() for number in range(1_000 - SPOOLS_PER_RIG)]
    assert holders.held(b"honest")


def test_a_spool_of_many_rigs_outlives_a_thief_of_one_token() -> None:
    """The Sentry of a LAN speaks for thousands; one stolen token must not make the others' logs double."""
    holders = SpoolHolders()
    holders.claim(b"of the LAN", range(1, 1_001))
    for number in range(100):
        assert b"of the LAN" not in holders.claim(f"{number}".encode(), [7])
    for rig in range(2, 1_001):
        holders.release(rig)
    assert holders.held(b"of the LAN")
    holders.release(1)
    assert not holders.held(b"of the LAN")


def test_a_spool_that_comes_again_is_the_last_to_go() -> None:
    holders = SpoolHolders()
    holders.claim(b"in use", [1])
    for number in range(100):
        holders.claim(b"in use", [1])
        assert b"in use" not in holders.claim(f"{number}".encode(), [1])


def test_a_rig_that_is_gone_leaves_nothing() -> None:
    holders = SpoolHolders()
    for number in range(20):
        holders.claim(f"{number}".encode(), [1])
    holders.release(1)
    assert not holders._spools
    assert not holders._holders


async def test_marks_of_an_honest_rig_stay_beside_a_hundred_thousand_spools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MAX_SPOOLS", 1_000)
    journal = Journal(tmp_path / "journal.db")
    journal.open()
    journal.take(b"of another life", 1, 10)  # as after a start: nobody has come with it yet
    journal.claim(b"honest", [1])
    journal.take(b"honest", 1, 10)
    for _ in range(5_000):
        spool = os.urandom(16)
        journal.claim(spool, [2])
        journal.take(spool, 1, 1)
    assert len(journal._seen) == 2 + SPOOLS_PER_RIG
    assert journal.take(b"honest", 1, 10) == []
    assert journal.take(b"of another life", 1, 10) == []
    for rig in range(3, 2_000):  # a farm's worth of tokens: who greeted keeps its marks, who did not makes room
        journal.claim(f"{rig}".encode(), [rig])
        journal.take(f"{rig}".encode(), 1, 1)
    assert journal.take(b"honest", 1, 10) == []
    assert all(journal.take(f"{rig}".encode(), 1, 1) == [] for rig in range(3, 2_000))
    assert journal.take(b"of another life", 1, 10) == [(1, 10)]
