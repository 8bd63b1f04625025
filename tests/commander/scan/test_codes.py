"""What is read from a sticker is found however it is written, and any other text does no harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.codes import MAX_CODE, MAX_WORDS, mac_key, read_code, serial_key
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.slots import MAX_SLOTS, known_slots, next_slot, slots_of

MACS = st.binary(min_size=6, max_size=6).map(bytes.hex)
SERIALS = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=5, max_size=20)
AROUND = st.sampled_from(
    [
        "{}",
        " {}\n",
        "MAC:{}",
        "MAC: {}",
        "SN:JYZZ12;MAC:{}",
        "{};SN=JYZZ12",
        '{{"mac": "{}"}}',
        "S19\x1d{}\x1dABC",
        "({})",
    ]
)


def written(key: str, separator: str, *, upper: bool) -> str:
    pairs = [key[at : at + 2] for at in range(0, 12, 2)]
    text = ".".join(key[at : at + 4] for at in (0, 4, 8)) if separator == "." else separator.join(pairs)
    return text.upper() if upper else text


@given(MACS, st.sampled_from(["", ":", "-", "."]), st.booleans(), AROUND)
def test_a_mac_address_is_found_however_it_is_written(key: str, separator: str, upper: bool, around: str) -> None:
    text = written(key, separator, upper=upper)
    assert mac_key(text) == key
    assert key in read_code(around.format(text)).macs


@given(
    SERIALS, st.booleans(), st.sampled_from(["{}", "SN:{}", "S/N {}", "SN:{};MAC:02:00:5e:00:00:01", "MODEL S19 {}"])
)
def test_a_serial_number_is_found_in_a_longer_text(serial: str, upper: bool, around: str) -> None:
    text = around.format(serial if upper else serial.lower())
    assert serial_key(serial) in read_code(text).words


@given(st.text(max_size=MAX_CODE))
def test_any_text_is_a_code_or_is_refused(text: str) -> None:
    try:
        code = read_code(text)
    except Invalid:
        assert not text.split()
        return
    assert len(code.words) <= MAX_WORDS
    assert all(len(mac) == 12 for mac in code.macs)


@pytest.mark.parametrize(
    "text",
    ["02:00:5e:00:00", "g2:00:5e:00:00:01", "02:00-5e:00:00:01", "xx02005e000001", "02005e0000012", "JYZZ000001"],
)
def test_what_is_not_a_mac_address_is_none(text: str) -> None:
    assert read_code(text).macs == ()


def test_a_text_that_no_sticker_has_is_refused() -> None:
    with pytest.raises(Invalid, match="1001 characters"):
        read_code("x" * (MAX_CODE + 1))
    with pytest.raises(Invalid, match="Scan or enter"):
        read_code(" \n ")


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("1..4", "1 2 3 4"),
        ("08..11", "08 09 10 11"),
        ("a1..a3, b1", "a1 a2 a3 b1"),
        ("a1…3", "a1 a2 a3"),
        ("1..3, 2, top", "1 2 3 top"),
        (" , ", ""),
    ],
)
def test_slots_are_written_as_ranges_and_names(text: str, slots: str) -> None:
    assert slots_of(text) == tuple(slots.split())


@pytest.mark.parametrize("text", ["4..1", "a1..b3", "1/2", "!", "1..9999", f"1..{MAX_SLOTS}, x", "x" * 700])
def test_slots_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        slots_of(text)
    assert list(refused.value.fields) == ["slots"]


def test_slots_in_use_and_those_missing_between_them() -> None:
    places = ["h/r/2", "h/r/5", "h/r/top", "h/r/x/1", "h/r", "h/r2/9", ""]
    assert known_slots("h/r", places) == ("2", "3", "4", "5", "top")
    assert known_slots("h/s", ["h/s/08", "h/s/10"]) == ("08", "09", "10")
    assert known_slots("h/t", places) == ()
    assert len(known_slots("h/u", ["h/u/1", "h/u/999999999"])) == 2


@pytest.mark.parametrize(
    ("place", "following"),
    [("h/r/07", "h/r/08"), ("h/r/99", "h/r/100"), ("h/rack-9", "h/rack-10"), ("h/top", ""), ("", "")],
)
def test_the_next_slot_keeps_its_width(place: str, following: str) -> None:
    assert next_slot(place) == following
