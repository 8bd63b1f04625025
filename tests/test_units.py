"""Quantities are written with four digits and a unit that suits, read back in any spelling, and never invented."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm import units
from rigfarm.units import THIN, UNKNOWN, Unit, format_in, hashrate, hashrate_unit

NONSENSE = [None, math.nan, math.inf, -math.inf, -1.0, 1e308]


def test_it_works() -> None:
    assert str(hashrate(12_340_000.0)) == "12.34 MH/s"
    assert hashrate(48_090.0) == ("48.09", "kH/s")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 H/s"),
        (0.5, "0.5000 H/s"),
        (1, "1.000 H/s"),
        (999.94, "999.9 H/s"),
        (999.96, "1.000 kH/s"),
        (9_999.51, "10.00 kH/s"),
        (59.76e12, "59.76 TH/s"),
        (1e24, f"1{THIN}000 ZH/s"),
    ],
)
def test_hashrates_take_the_unit_that_suits(value: float, text: str) -> None:
    assert str(hashrate(value)) == text


def test_a_column_keeps_one_unit() -> None:
    """998 and 1,002 kH/s stand in neighbouring rows as such."""
    unit = hashrate_unit([998e3, None, 1002e3, math.nan])
    assert unit.symbol == "kH/s"
    assert [format_in(unit, value) for value in (998e3, 1002e3, None, math.nan)] == [
        "998.0",
        f"1{THIN}002",
        UNKNOWN,
        UNKNOWN,
    ]


def test_a_column_without_a_number_has_a_unit_all_the_same() -> None:
    assert hashrate_unit([None, 0.0]).symbol == "H/s"


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize(
    "write", [units.hashrate, units.power, units.efficiency, units.energy_per_hash, units.energy, units.size]
)
def test_nonsense_is_unknown_and_never_zero(write, nonsense) -> None:
    assert write(nonsense) == (UNKNOWN, "")


@pytest.mark.parametrize("nonsense", [None, math.nan, math.inf, 1e308, -400.0])
def test_an_impossible_temperature_is_unknown(nonsense) -> None:
    assert units.temperature(nonsense) == (UNKNOWN, "")


@pytest.mark.parametrize(
    ("watts", "text"),
    [(0, "0 W"), (88.5, "88.5 W"), (641.3, "641 W"), (999.6, "1.000 kW"), (7_040, "7.040 kW"), (2.5e6, "2.500 MW")],
)
def test_power(watts: float, text: str) -> None:
    assert str(units.power(watts)) == text


def test_a_column_of_rigs_is_in_watts() -> None:
    assert [units.watts(value).number for value in (88.5, 999.6, 1310.2, None)] == [
        "88",
        f"1{THIN}000",
        f"1{THIN}310",
        UNKNOWN,
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (10_920, "3 h 2 min"),
        (36_000 + 1_800, "10 h"),
        (273_600, "3 d 4 h"),
        (9 * 86_400, "9 d"),
        (41 * 86_400 + 7_200, "41 d"),
        (None, UNKNOWN),
        (math.nan, UNKNOWN),
    ],
)
def test_durations_have_two_units_at_the_most(seconds, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0, "0.0 %"), (0.00004, "<0.1 %"), (0.008, "0.8 %"), (0.0994, "9.9 %"), (0.125, "12 %"), (math.nan, UNKNOWN)],
)
def test_a_small_percentage_is_not_written_as_nothing(ratio: float, text: str) -> None:
    assert str(units.percent(ratio)) == text


def test_the_other_units() -> None:
    assert str(units.temperature(64.4)) == "64 °C"
    assert str(units.efficiency(2.94e6)) == "2.940 MH/W"
    assert str(units.energy_per_hash(1 / 29.5e-12)) == "29.50 J/TH"
    assert str(units.energy(12.5 * 3.6e6)) == "12.50 kWh"
    assert str(units.size(16 << 30)) == "16.00 GiB"
    assert str(units.size(640)) == "640 B"
    assert units.count(1204) == f"1{THIN}204"
    assert units.count(-1) == units.count(None) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "value"),
    [("12.3 MH/s", 12.3e6), ("12.3mh/s", 12.3e6), ("5 KH/s", 5e3), ("7 kh/s", 7e3), ("1,204 H", 1204), ("3 sol/s", 3)],
)
def test_hashrates_are_read_whatever_the_case(text: str, value: float) -> None:
    assert units.parse_hashrate(text) == pytest.approx(value)


@pytest.mark.parametrize(("text", "factor"), [("KH/s", 1e3), ("kh/s", 1e3), ("MH/s", 1e6), ("Gh", 1e9), ("TH/S", 1e12)])
def test_units_of_hashrate_are_read_whatever_the_case(text: str, factor: float) -> None:
    assert units.parse_hashrate_unit(text).factor == factor


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_power, "3.5 kW", 3500),
        (units.parse_power, "850", 850),
        (units.parse_temperature, "75 °C", 75),
        (units.parse_temperature, "-3.5", -3.5),
        (units.parse_temperature, "212 °F", 100),
        (units.parse_duration, "3 hours, 2 minutes", 10_920),
        (units.parse_duration, "up 2 weeks, 3 days, 1 hour", 17 * 86_400 + 3_600),
        (units.parse_duration, "01:02:03:04", 93_784),
        (units.parse_duration, "3 d 4 h", 273_600),
        (units.parse_bytes, "128GB", 128e9),
        (units.parse_bytes, "16 GiB", 16 << 30),
        (units.parse_percent, "2.5 %", 0.025),
        (units.parse_efficiency, "2.9 MH/W", 2.9e6),
        (units.parse_efficiency, "29.5 J/TH", 1 / 29.5e-12),
        (units.parse_energy, "12.5 kWh", 45e6),
        (units.parse_count, f"1{THIN}204", 1204),
    ],
)
def test_reading(parse, text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "parse",
    [
        units.parse_hashrate,
        units.parse_power,
        units.parse_temperature,
        units.parse_duration,
        units.parse_bytes,
        units.parse_percent,
        units.parse_efficiency,
        units.parse_energy,
        units.parse_count,
        units.parse_hashrate_unit,
    ],
)
@pytest.mark.parametrize("text", ["", "fast", "12 parsecs", "1e999", "nan", "--3", "1,2,3 x"])
def test_what_is_not_understood_is_refused_with_an_example(parse, text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse(text)


@given(st.floats(min_value=1e-3, max_value=9e23))
def test_a_written_hashrate_reads_back_to_four_digits(value: float) -> None:
    assert units.parse_hashrate(str(hashrate(value))) == pytest.approx(value, rel=6e-4, abs=1e-4)


@given(st.floats(min_value=1.0, max_value=9e23))
def test_a_hashrate_has_four_digits(value: float) -> None:
    number, _ = hashrate(value)
    assert len([char for char in number if char.isdigit()]) == 4


@given(st.one_of(st.none(), st.floats()))
def test_nothing_makes_writing_fail(value) -> None:
    for write in (units.hashrate, units.power, units.temperature, units.percent, units.duration, units.size):
        assert str(write(value))
    assert format_in(Unit("kH/s", 1e3), value)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_written_duration_reads_back_to_its_second_unit(seconds: int) -> None:
    text = units.duration(seconds).replace(THIN, "")
    assert units.parse_duration(text) <= seconds
    assert units.parse_duration(text) >= seconds * 0.9 - 60


@given(st.text(max_size=30))
def test_reading_text_either_works_or_says_why(text: str) -> None:
    for parse in (units.parse_hashrate, units.parse_duration, units.parse_bytes, units.parse_temperature):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert math.isfinite(value)
