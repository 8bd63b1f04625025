"""Field by field: what is wrong costs itself."""

from __future__ import annotations

import pytest
from msgspec import Struct, field

from rigfarm.sentry.miners import lenient


class Inner(Struct):
    n: int | None = None


class Outer(Struct):
    rate: float | None = None
    name: str | None = None
    flag: bool = False
    spaced: float | None = field(default=None, name="KHS 30s")
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    numbers: list[float | None] = []
    inners: list[Inner] = []
    by_name: dict[str, float | None] = {}
    perhaps: list[Inner] | None = None
    either: int | str | None = None
    windows: list[list[float | None]] = []
    tables: list[dict[str, Inner]] = []


def test_it_works():
    read = lenient.read(
        b'{"rate": 1.5, "name": "x", "flag": true, "KHS 30s": 2, "inner": {"n": 1}, "maybe": {"n": 2},'
        b' "numbers": [1, 2.5], "inners": [{"n": 3}], "by_name": {"a": 4}}',
        Outer,
    )

    assert read == Outer(1.5, "x", True, 2.0, Inner(1), Inner(2), [1.0, 2.5], [Inner(3)], {"a": 4.0})


@pytest.mark.parametrize("wrong", [b"null", b'"N/A"', b"[]", b"{}", b"true", b'""', b'{"n": {"n": {}}}'])
@pytest.mark.parametrize("name", [b"rate", b"flag", b"KHS 30s", b"inner", b"maybe", b"numbers", b"inners", b"by_name"])
def test_a_field_of_a_wrong_type_costs_itself(name, wrong):
    read = lenient.read(b'{"name": "kept", "%s": %s}' % (name, wrong), Outer)

    assert read is not None
    assert read.name == "kept"
    assert read.rate is None


def test_an_item_of_a_wrong_type_keeps_its_place():
    read = lenient.read(b'{"numbers": [1, null, "x", 4], "inners": [null, {"n": "x"}, {"n": 3}, 7]}', Outer)

    assert read is not None
    assert read.numbers == [1.0, None, None, 4.0]
    assert read.inners == [Inner(), Inner(), Inner(3), Inner()]


@pytest.mark.parametrize("number", [b"nan", b"-nan", b"NaN", b"inf", b"-inf", b"Infinity", b"-nan(ind)", b"1e999"])
def test_numbers_as_c_prints_them_cost_themselves(number):
    read = lenient.read(b'{"name": "kept", "rate": %s, "numbers": [1, %s ,3]}' % (number, number), Outer)

    assert read is not None
    assert read.name == "kept"
    assert read.numbers[0] == 1.0
    assert read.numbers[2] == 3.0


def test_a_list_that_may_be_missing_is_read_item_by_item_too():
    assert lenient.shape({"perhaps": [{"n": 1}, {"n": []}]}, Outer).perhaps == [Inner(1), Inner()]
    assert lenient.shape({"perhaps": "no"}, Outer).perhaps is None


def test_an_item_that_should_be_a_list_or_an_object_is_an_empty_one():
    read = lenient.shape({"windows": [[1, None], 5, None], "tables": [None, {"a": {"n": 1}, "b": 2}]}, Outer)

    assert read.windows == [[1.0, None], [], []]
    assert read.tables == [{}, {"a": Inner(1)}]


def test_half_of_a_surrogate_pair_where_a_number_should_be():
    read = lenient.read(b'{"rate": "\\ud800", "name": "kept"}', Outer)

    assert read == Outer(name="kept")


def test_one_of_several_types():
    assert lenient.shape({"either": 3}, Outer).either == 3
    assert lenient.shape({"either": "0a:00.0"}, Outer).either == "0a:00.0"


def test_a_list_longer_than_any_rig_is_cut():
    read = lenient.shape({"numbers": [1] * 100_000, "by_name": {str(n): n for n in range(100_000)}}, Outer)

    assert len(read.numbers) == len(read.by_name) == 1024


def test_numbers_in_text_and_text_from_numbers():
    read = lenient.read(b'{"rate": "4.59e+06", "name": 6.2}', Outer)

    assert read == Outer(rate=4_590_000.0, name="6.2")


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        b"",
        b"\0",
        b"hello",
        b"<html>",
        b"[1]",
        b'"x"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"1" * 9_999,
    ],
)
def test_garbage_is_none(garbage):
    assert lenient.read(garbage, Outer) is None


def test_bytes_that_are_no_utf8_cost_their_text_only():
    read = lenient.read(b'{"name": "caf\xe9", "rate": 2}\0', Outer)

    assert read is not None
    assert read.rate == 2.0


def test_a_list_at_the_top():
    assert lenient.read_list(b'[{"n": 1}, null]', Inner) == [Inner(1), Inner()]
    assert lenient.read_list(b'{"n": 1}', Inner) is None
