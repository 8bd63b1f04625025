"""Names of many rigs at once: patterns like `asic-{001..120}`, a list with one name a line, or a CSV.

names_of("asic-{01..03}")        asic-01, asic-02, asic-03
names_of("r{1..2}-{a,b}")        r1-a, r1-b, r2-a, r2-b
names_of("name,place\\nx,hall 1")  x
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.names import MAX_NAME, clean_name, name_key
from rigfarm.commander.refusals import Invalid, Refusal

__all__ = ["MAX_NAMES", "NamePlan", "names_of", "plan_names"]

MAX_NAMES = 5_000
MAX_PIECES = 65
"""Between braces and beside them: as many as a name has characters, and one more."""
MAX_PATTERN_NAME = 256
"""Characters of the longest name of a pattern, blanks that are taken out of it included. Five thousand names are made
before the first is checked."""
_PART = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_SHOWN = 3
_QUOTED = 40


class NamePlan(Struct, frozen=True):
    """What would be made, and what stands in the way."""

    names: list[str]
    problems: list[str]
    """Sentences; nothing can be made while there is one."""


def names_of(text: str) -> list[str]:
    """Every name a text asks for, in its order. Invalid when there are too many, or a pattern is none."""
    names: list[str] = []
    for line in _lines(text):
        names += itertools.islice(_expanded(line), MAX_NAMES + 1 - len(names))
        if len(names) > MAX_NAMES:
            raise Invalid(f"At most {units.count(MAX_NAMES)} rigs can be created at once.", field="names")
    return names


def plan_names(text: str, taken: Callable[[str], bool]) -> NamePlan:
    """The names of a text, checked: which are none, which appear twice, which are taken. Never raises."""
    try:
        names = names_of(text)
    except Refusal as refusal:
        return NamePlan([], [str(refusal)])
    clean: list[str] = []
    wrong: list[str] = []
    for name in names:
        try:
            clean.append(clean_name(name, "A rig", "asic-01"))
        except Refusal as refusal:
            wrong.append(f"“{name[:_QUOTED]}”: {refusal}")
    problems = wrong[:_SHOWN]
    if len(wrong) > _SHOWN:
        problems.append(f"{len(wrong) - _SHOWN} more are not valid names either.")
    problems += _said(_twice(clean), "appears twice", "appear twice")
    problems += _said([name for name in clean if taken(name)], "is taken", "are taken")
    return NamePlan(clean, problems)


def _lines(text: str) -> list[str]:
    """The lines that are names: of a CSV with a head the column `name`, otherwise each line, or its first column."""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not lines or not any(separator in lines[0] for separator in ",;\t") or "{" in lines[0]:
        return [line.strip() for line in lines if line.strip().casefold() != "name" or line is not lines[0]]
    separator = next(one for one in ";\t," if one in lines[0])
    try:
        rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise Invalid(f"This is not a CSV file: {error}.", field="names") from None
    heads = [head.strip().casefold() for head in rows[0]]
    column = heads.index("name") if "name" in heads else 0
    body = rows[1:] if "name" in heads else rows
    return [row[column].strip() for row in body if len(row) > column and row[column].strip()]


def _expanded(line: str) -> Iterator[str]:
    pieces = _PART.split(line)
    if len(pieces) == 1:
        return iter([line])
    if len(pieces) > MAX_PIECES:
        raise Invalid(f"“{line[:_QUOTED]}…” has too many braces: a pattern has a few.", field="names")
    choices: list[Sequence[str]] = [
        [piece] if position % 2 == 0 else _choices(piece) for position, piece in enumerate(pieces)
    ]
    longest = sum(max(map(len, choice)) for choice in choices)
    if longest > MAX_PATTERN_NAME:
        raise Invalid(
            f"“{line[:_QUOTED]}…” makes names of {units.count(longest)} characters: a name has at most {MAX_NAME}.",
            field="names",
        )
    return map("".join, itertools.product(*choices))


def _choices(inside: str) -> Sequence[str]:
    found = _RANGE.fullmatch(inside.strip())
    if found is None:
        options = [option.strip() for option in inside.split(",")]
        if len(options) < 2:
            raise Invalid(f"{{{inside[:_QUOTED]}}} is not a range: write {{001..120}}, or {{a,b,c}}.", field="names")
        return options
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise Invalid(f"{{{inside}}} counts down: write the smaller number first.", field="names")
    if last - first >= MAX_NAMES:
        raise Invalid(
            f"{{{inside}}} is {units.count(last - first + 1)} names: at most {units.count(MAX_NAMES)} at once.",
            field="names",
        )
    width = len(found[1])
    return [f"{number:0{width}d}" for number in range(first, last + 1)]


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    found: dict[str, None] = {}
    for name in names:
        key = name_key(name)
        if key in seen:
            found[name] = None
        seen.add(key)
    return list(found)


def _said(names: Sequence[str], one: str, many: str) -> list[str]:
    """`asic-01 is taken.` · `asic-01, asic-02, asic-03 and 9 more are taken.`"""
    if not names:
        return []
    shown = ", ".join(names[:_SHOWN])
    more = f" and {units.count(len(names) - _SHOWN)} more" if len(names) > _SHOWN else ""
    return [f"{shown}{more} {one if len(names) == 1 else many}."]
