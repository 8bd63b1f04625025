"""The IceRiver panel, from bytes to figures: right, or not a panel, never a crash (RELIABILITY row 29)."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.sentry.asic.interpret import interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers import iceriver_panel
from rigfarm.sentry.asic.readers.iceriver_panel import NotAPanel, model_of, nature_of, parse_panel
from rigfarm.simulate.asic import FakeAsic, makes
from rigfarm.simulate.asic.http import HttpRequest

REQUEST = HttpRequest("POST", "/user/userpanel", {}, {}, b"post=4")
GOOD = msgspec.json.encode(makes()["iceriver"].http(FakeAsic("iceriver", steady=True), REQUEST).body)
DEVICE = Device(id=1, ip="10.0.0.1")

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = list(msgspec.json.decode(GOOD)["data"])


def outcome(body: bytes) -> str:
    """ "read" or "not a panel"; anything else is a failure of the test."""
    try:
        answer = parse_panel(body)
    except NotAPanel:
        return "not a panel"
    interpret(answer, nature_of(answer), DEVICE)
    return "read"


def test_it_works() -> None:
    answer = parse_panel(GOOD)
    assert answer.hashrate == pytest.approx(3 * 4021.37e9)
    assert answer.uptime_s == 183725
    assert [board.outlet_c for board in answer.boards] == [62, 63, 64]


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_panel(body: bytes) -> None:
    assert outcome(body) == "not a panel"


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_value_in_any_field(changes: dict[str, object]) -> None:
    panel = msgspec.json.decode(GOOD)
    panel["data"].update(changes)
    assert outcome(msgspec.json.encode(panel)) == "read"


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(["no", "chipnum", "rtpow", "intmp", "outtmp", "state", "freq"]), json_values))
def test_any_value_in_a_board(changes: dict[str, object]) -> None:
    panel = msgspec.json.decode(GOOD)
    panel["data"]["boards"][0].update(changes)
    assert outcome(msgspec.json.encode(panel)) == "read"


def test_damaged_bytes() -> None:
    """Flipped, cut and doubled: 3,000 of them, the same each time."""
    rng = random.Random(29)
    for _ in range(3_000):
        body = bytearray(GOOD)
        for _ in range(rng.randint(1, 8)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        outcome(bytes(body[: rng.randint(0, len(body))] if rng.random() < 0.3 else body))


@pytest.mark.parametrize(
    ("said", "unit", "rate"),
    [
        ("4021.37G", "G", 4021.37e9),
        ("12T", "G", 12e12),
        ("350", "M", 350e6),
        (12.5, "T", 12.5e12),
        ("1.5 GH/s", "G", 1.5e9),
        ("-5G", "G", None),
        ("1e308G", "G", None),
        ("G", "G", None),
        (None, "G", None),
        (True, "G", None),
        ("9" * 400 + "G", "G", None),
    ],
)
def test_hashrates_are_text_with_a_unit(said: object, unit: str, rate: float | None) -> None:
    panel = msgspec.json.decode(GOOD)
    panel["data"].update({"rtpow": said, "unit": unit})
    assert parse_panel(msgspec.json.encode(panel)).hashrate == (pytest.approx(rate) if rate is not None else None)


@pytest.mark.parametrize(
    ("software", "model"),
    [
        ("20240302_ks5lminer", "KS5L"),
        ("release_KS3M_miner", "KS3M"),
        ("al3miner", "AL3"),
        ("20250101_10306_miner", "AL3"),  # its number
        ("20250101_99999_miner", None),
        ("20240618_ks0ultraminer", "KS0ULTRA"),
        ("miner", None),
        (None, None),
    ],
)
def test_the_model_is_in_the_software_version(software: str | None, model: str | None) -> None:
    assert model_of(software) == model


@pytest.mark.parametrize(
    ("software", "said", "expected"),
    [
        ("20250101_10306_miner", {}, ("AL3", "Blake3", 3, "ALPH")),
        ("20240601_al1miner", {}, ("AL1", "Blake3", None, "ALPH")),
        ("20240601_ks7liteminer", {}, ("KS7LITE", "KHeavyHash", 3, "KAS")),
        ("20240601_ae2miner", {}, ("AE2", "zkSNARK", None, "ALEO")),
        ("20240601_rx0miner", {}, ("RX0", "SHA512256d", None, "RXD")),
        ("20250101_99999_miner", {"model": "AL2", "algo": "blake3"}, ("AL2", "Blake3", None, "ALPH")),
        ("20250101_99999_miner", {"model": "none", "algo": "kHeavyHash"}, (None, "kHeavyHash", None, "KAS")),
        ("20250101_99999_miner", {}, (None, None, None, None)),
    ],
)
def test_what_each_series_mines(software: str, said: dict[str, str], expected: tuple[object, ...]) -> None:
    panel = msgspec.json.decode(GOOD)
    panel["data"].update(said | {"softver1": software})
    answer = parse_panel(msgspec.json.encode(panel))
    nature = nature_of(answer)
    coin = interpret(answer, nature, DEVICE).workload.coin
    assert (nature.model, nature.algorithm, nature.boards_expected, coin) == expected


def test_control_a_reader_that_trusts_its_numbers_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: a board's number is taken as it comes."""
    monkeypatch.setattr(iceriver_panel, "_number", lambda value: float(value))
    panel = msgspec.json.decode(GOOD)
    panel["data"]["boards"][0]["no"] = "first"
    with pytest.raises(ValueError):
        outcome(msgspec.json.encode(panel))
