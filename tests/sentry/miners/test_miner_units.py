"""Units and logins as programs write them."""

from __future__ import annotations

import pytest

from rigfarm.sentry.miners.units import hashes_per_unit, split_user, total


@pytest.mark.parametrize(
    ("unit", "means"),
    [
        ("H/s", 1.0),
        ("kH/s", 1e3),
        ("KH/s", 1e3),
        ("Mh/s", 1e6),
        ("mh/s", 1e6),
        ("GH/s", 1e9),
        ("TH/s", 1e12),
        ("Sol/s", 1.0),
        ("ksol/s", 1e3),
        ("g/s", 1.0),  # graphs, not gigahashes
        ("GPS", 1.0),
        ("hs", 1.0),
        (" MH/s ", 1e6),
        ("W", None),
        ("", None),
        (None, None),
    ],
)
def test_hashes_per_unit(unit, means):
    assert hashes_per_unit(unit) == means


@pytest.mark.parametrize(
    ("login", "wallet", "worker"),
    [
        ("WALLET.rig7", "WALLET", "rig7"),
        ("WALLET.rig.7", "WALLET", "rig.7"),
        ("WALLET", "WALLET", None),
        ("kaspa:qabc.rig", "kaspa:qabc", "rig"),
        ("me@mail.example", "me@mail.example", None),
        (".rig", None, "rig"),
        ("", "", None),
        (None, None, None),
    ],
)
def test_split_user(login, wallet, worker):
    assert split_user(login) == (wallet, worker)


def test_a_total_of_nothing_known_is_unknown():
    assert total([]) is None
    assert total([None, None]) is None
    assert total([1.0, None, 2.0]) == 3.0
    assert total([0.0]) == 0.0
