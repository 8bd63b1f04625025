"""Numbers that name a row: what is not one is never an exception, and never a choice that nobody made."""

from __future__ import annotations

import pytest

from rigfarm.commander.numbers import MAX_NUMBER, asked_number, number
from rigfarm.commander.playbooks.content.texts import read_cpus
from rigfarm.commander.refusals import Invalid, NotUnderstood
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.selection import numbers

NOT_NUMBERS = [
    "",
    "-1",
    "+1",
    "1.5",
    "nan",
    "1e3",
    "1_000",
    "0x10",
    "٣",
    "²",
    "①",
    "9" * 26,
    "9" * 5000,
    str(2**31),
]


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_is_not_a_number_of_a_row(text: str) -> None:
    assert number(text) is None
    assert asked_number(text) == (None if text == "" else 0), "a garbled choice is not an open one"
    assert numbers([f"{text},7"]) == [7]


def test_numbers() -> None:
    assert number("0") == 0
    assert number("0000000012") == 12
    assert number(str(MAX_NUMBER)) == asked_number(str(MAX_NUMBER)) == MAX_NUMBER == 2**31 - 1


@pytest.mark.parametrize("text", [one for one in NOT_NUMBERS if one])
def test_a_page_that_is_not_a_number_is_refused(text: str) -> None:
    for name in ("page", "per"):
        with pytest.raises(NotUnderstood, match=name):
            IndexQuery.parse("cpu-gpu", {name: text})


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 5000 + "-1", "0-" + "9" * 5000, "²", "1-", "-1", "1024", "a"])
def test_cpus_that_are_not_numbers_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="0-3,8"):
        read_cpus(text)


def test_cpus_named_often_are_held_once() -> None:
    """A form of one megabyte would otherwise be a list of a hundred million numbers."""
    assert read_cpus("0-1023," * 20_000) == list(range(1024))
