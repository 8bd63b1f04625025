"""What cannot be true is unknown; what a stranger writes is one line of visible text."""

from __future__ import annotations

import math

import pytest

from rigfarm.sentry.miners import clean


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -1.0, 1e308, None])
@pytest.mark.parametrize("kind", ["hashrate", "celsius", "watts", "megahertz", "fan_percent", "rpm", "seconds"])
def test_nonsense_is_unknown(kind, nonsense):
    assert getattr(clean, kind)(nonsense) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("hashrate", 0.0),
        ("hashrate", 9e17),
        ("fan_percent", 0.0),
        ("fan_percent", 100.0),
        ("rpm", 0.0),
        ("celsius", 119.0),
    ],
)
def test_what_may_be_true_stays(kind, value):
    assert getattr(clean, kind)(value) == value


@pytest.mark.parametrize(("kind", "value"), [("celsius", 0.0), ("celsius", 511.0), ("watts", 0.0), ("megahertz", 0.0)])
def test_the_values_that_mean_no_sensor_are_unknown(kind, value):
    assert getattr(clean, kind)(value) is None


@pytest.mark.parametrize(("value", "means"), [(0, 0), (5, 5), (-1, None), (2**63, None), (None, None)])
def test_counts(value, means):
    assert clean.count(value) == means


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("NVIDIA\x1b[2J RTX\r\n 3070\x00", "NVIDIA[2J RTX 3070"),
        ("abc\u202etxt.exe", "abctxt.exe"),  # text that runs backwards
        ("a\u200bb\ufeffc", "abc"),
        ("bad \ud800 half", "bad  half"),
        ("\u2028line", "line"),
        ("  ", None),
        ("", None),
        (None, None),
        ("Grafikkarte №1 – 鉱山", "Grafikkarte №1 – 鉱山"),
    ],
)
def test_text(said, means):
    assert clean.text(said) == means


def test_text_is_cut():
    assert clean.text("x" * 10_000_000, 64) == "x" * 64


def test_a_password_in_a_pools_address_goes_no_further():
    assert clean.pool("stratum+ssl://wallet.rig:secret@pool.example:443") == "stratum+ssl://pool.example:443"
