"""Names of many rigs from a pattern, a list or a CSV: which they are, and what stands in their way."""

from __future__ import annotations

import tracemalloc

import pytest

from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.many.naming import MAX_NAMES, names_of, plan_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("asic-{001..003}", ["asic-001", "asic-002", "asic-003"]),
        ("asic-{9..11}", ["asic-9", "asic-10", "asic-11"]),
        ("r{1..2}-{a,b}", ["r1-a", "r1-b", "r2-a", "r2-b"]),
        ("one\n\n  two  \r\nasic-{1..2}", ["one", "two", "asic-1", "asic-2"]),
        ("name\nfirst\nsecond", ["first", "second"]),
        ("Name;place\nfirst;hall 1\nsecond;hall 2", ["first", "second"]),
        ("place,name\nhall 1,first\nhall 2,\n", ["first"]),
        ("first,hall 1\nsecond,hall 2", ["first", "second"]),
        ('name\tnote\n"with ""quotes"""\tx', ['with "quotes"']),
        ("\ufeffname,x\nfirst,1", ["first"]),
        ("", []),
    ],
)
def test_what_a_text_asks_for(text: str, names: list[str]) -> None:
    assert names_of(text) == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a{3..1}", "counts down"),
        ("a{x}", "is not a range"),
        ("a{}", "is not a range"),
        ("a{1..999999999}", "at most 5\u202f000"),
        ("a{1..100}{1..100}", "At most 5\u202f000"),
        ("a{1..3000}\nb{1..3000}", "At most 5\u202f000"),
    ],
)
def test_what_is_no_pattern_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        names_of(text)
    assert says in plan_names(text, lambda _: False).problems[0]


def test_a_pattern_can_make_as_many_as_are_allowed() -> None:
    assert len(names_of(f"a{{1..{MAX_NAMES}}}")) == MAX_NAMES


def test_duplicates_and_taken_names_are_said_without_regard_to_case() -> None:
    plan = plan_names("a\nA\nb\nc\nd\ne\nf", lambda name: name in "bcdef")
    assert plan.problems == ["A appears twice.", "b, c, d and 2 more are taken."]
    assert len(plan.names) == 7


def test_what_is_no_name_is_shown_and_counted() -> None:
    plan = plan_names("\n".join(["x" * 70] * 5), lambda _: False)
    assert "at most 64 characters" in plan.problems[0]
    assert plan.problems[-1] == "2 more are not valid names either."


def test_a_plan_without_problems() -> None:
    plan = plan_names("<b>{1..2}", lambda _: False)
    assert (plan.names, plan.problems) == (["<b>1", "<b>2"], [])


@pytest.mark.parametrize(
    "text",
    ["x" * 300_000 + "{1..2000}", "{" + "x" * 300_000 + ",b}{1..2000}", "{,}" * 100_000, "a{" + "x" * 300_000 + "}"],
)
def test_a_small_text_makes_no_gigabyte_of_names(text: str) -> None:
    """A Commander without memory is killed, and nobody's logs are taken."""
    tracemalloc.start()
    try:
        plan = plan_names(text, lambda _: False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert plan.names == []
    assert len("".join(plan.problems)) < 500
    assert peak < 64 << 20
