"""Patterns mean what they say, whatever is typed, and a match is never more than a few steps for each character."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rigfarm.commander.placing.matching.pattern import MAX_PARTS, MAX_PATTERN, Pattern, fill
from rigfarm.commander.refusals import Invalid

NAMES = st.text(alphabet="aB1-_ .", max_size=12)
PIECES = st.lists(
    st.one_of(
        st.text(alphabet="aB1-_ .", min_size=1, max_size=3),
        st.sampled_from(["*", "{x}", "{y:number}", "{z:2}"]),
    ),
    min_size=1,
    max_size=6,
)


def as_regular_expression(pattern: str) -> re.Pattern[str]:
    """What a pattern means, as Python's expressions say it."""
    written = ""
    for inside, stars, plain in re.findall(r"\{([^{}]*)\}|(\*+)|([^{}*]+)", pattern):
        name, _, length = inside.partition(":")
        if stars:
            written += ".*?"
        elif plain:
            written += re.escape(plain)
        else:
            of = "[0-9]+" if length == "number" else "[A-Za-z0-9]" + (f"{{{length}}}" if length else "+")
            written += f"(?P<{name}>{of})"
    return re.compile(written, re.IGNORECASE | re.DOTALL)


@given(PIECES, NAMES)
@example(["r", "{x}", "-", "{z:2}"], "R12-07")
@example(["*", "{y:number}"], "rig-12")
@example(["{x}", "*"], "12-foo")
@example(["*", "*", "a"], "aaa")
def test_it_means_the_same_as_the_regular_expression(pieces: list[str], name: str) -> None:
    text = "".join(pieces)
    try:
        pattern = Pattern.parse(text)
    except Invalid:
        return
    found = as_regular_expression(text).fullmatch(name)
    assert pattern.match(name) == (None if found is None else found.groupdict())


@given(st.dictionaries(st.sampled_from(["hall", "rack", "slot"]), st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True)))
def test_a_name_that_was_made_of_parts_is_taken_apart_again(parts: dict[str, str]) -> None:
    template = "f" + "".join(f"-{{{one}}}" for one in parts)
    name = fill(template, parts)
    assert Pattern.parse(template).match(name) == parts
    assert Pattern.parse(template).match(f"{name}-x") is None


@given(st.text(max_size=MAX_PATTERN + 5), st.text(max_size=64))
def test_whatever_is_typed_is_read_or_refused(text: str, name: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except Invalid:
        return
    assert set(pattern.match(name) or {}) <= set(pattern.parts)


@pytest.mark.parametrize("pattern", ["*a" * 7 + "*!", "-".join(f"{{p{n}}}*" for n in range(MAX_PARTS)) + "!"])
def test_the_worst_pattern_is_done_at_once(pattern: str) -> None:
    """A search that tries every way would take longer than the universe has."""
    assert Pattern.parse(pattern).match("a" * 62 + "-?") is None
    assert Pattern.parse(pattern).match("a-" * 31 + "!") is not None


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("{rack", "A brace is not closed"),
        ("rack}", "A brace is not closed"),
        ("r{}", "is not a part"),
        ("{Rack}", "small letters"),
        ("{rack:0}", "is not a part"),
        ("{rack:99}", "is not a part"),
        ("{rack:x}", "is not a part"),
        ("{a}-{a}", "appears twice"),
        ("{a}{b}", "isn't clear where"),
        ("{a:number}{b}", "isn't clear where"),
        ("-".join(f"{{p{n}}}" for n in range(MAX_PARTS + 1)), f"at most {MAX_PARTS} parts"),
        ("*-" * 9, "at most 8"),
        ("x" * (MAX_PATTERN + 1), f"at most {MAX_PATTERN} characters"),
    ],
)
def test_what_is_wrong_is_said(pattern: str, says: str) -> None:
    with pytest.raises(Invalid, match=re.escape(says)):
        Pattern.parse(pattern)


def test_parts_without_anything_between_them_have_a_length() -> None:
    found = Pattern.parse("{hall:1}{rack:2}{slot}").match("A0412")
    assert found == {"hall": "A", "rack": "04", "slot": "12"}
    assert Pattern.parse("straße-{n}").match("STRASSE-1") is None, "a letter stands for one letter"
    assert Pattern.parse("é{n}").match("É1") == {"n": "1"}
