"""Names that operators give to things."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from rigfarm.commander.refusals import Invalid
from rigfarm.common.text import printable

__all__ = [
    "MAX_NAME",
    "MAX_TEXT",
    "DistinctNames",
    "clean_line",
    "clean_name",
    "clean_text",
    "clean_time",
    "clean_zone",
    "name_key",
    "name_sort",
]

MAX_NAME = 64
MAX_TEXT = 2_000
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DIGITS = re.compile(r"(\d+)")
_ROOM_FOR_NUMBER = 8
"""Characters: a hyphen and as many digits as ever needed."""
_INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def clean_name(text: str, what: str, example: str) -> str:
    """A name as it is stored: one line, canonical characters, 1 to 64 of them. Invalid says what would be right."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise Invalid(f"{what} needs a name, for example {example}.", field="name")
    if len(name) > MAX_NAME:
        raise Invalid(f"A name has at most {MAX_NAME} characters; this one has {len(name)}.", field="name")
    if any(unicodedata.category(char) in _INVISIBLE for char in name):
        raise Invalid("A name may not contain control or invisible characters.", field="name")
    return name


def clean_line(text: str, field: str, what: str, limit: int) -> str:
    """A value that is one visible line without blanks around it; empty is allowed."""
    line = text.strip()
    if len(line) > limit:
        raise Invalid(f"{what} has at most {limit} characters; this one has {len(line)}.", field=field)
    if any(unicodedata.category(char) in _INVISIBLE for char in line):
        raise Invalid(f"{what} may not contain control or invisible characters.", field=field)
    return line


def clean_text(text: str, _: object = None) -> str:
    """Notes of several lines, without blanks at their ends; empty is allowed. Invalid says what would be right."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(lines) > MAX_TEXT:
        raise Invalid(f"Notes have at most {MAX_TEXT} characters; these have {len(lines)}.")
    if any(char != "\n" and unicodedata.category(char) in _INVISIBLE for char in lines):
        raise Invalid("Notes may not contain control or invisible characters.")
    return lines


def clean_time(text: str, _: object = None) -> str:
    """A time of day, or nothing. Invalid says what would be right."""
    found = _TIME.fullmatch(text.strip())
    if text.strip() and found is None:
        raise Invalid("Enter a time of day, for example 22:30.")
    return "" if found is None else f"{int(found[1]):02}:{found[2]}"


def clean_zone(text: str, _: object = None) -> str:
    """The name of a time zone; empty is UTC. Invalid where there is none of that name."""
    name = text.strip() or "UTC"
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        known = "Enter one by its name, for example Europe/Berlin."
        raise Invalid(f"There is no time zone named {printable(name, '?', most=40)}. {known}") from None


def name_key(name: str) -> str:
    """What makes names distinct: compared without regard to case."""
    return unicodedata.normalize("NFKC", name).casefold()


@lru_cache(maxsize=1 << 15)
def name_sort(name: str) -> tuple[str | int, ...]:
    """What names are sorted by, as people expect: rig-9 before rig-10."""
    return tuple(int(part) if position % 2 else part for position, part in enumerate(_DIGITS.split(name_key(name))))


class DistinctNames:
    """Names that differ from each other and from those that are taken: where one would not, it gets a number."""

    def __init__(self, taken: Callable[[str], bool]) -> None:
        self._taken = taken
        self._given: set[str] = set()
        self._numbers: dict[str, int] = {}
        """The last number that was tried behind a name, by as much of it as leaves room for one: a thousand of one name
        are not a million questions."""

    def give(self, name: str) -> str:
        """This clean name, or with a number behind it."""
        candidate = name
        stem = name[: MAX_NAME - _ROOM_FOR_NUMBER].rstrip()
        key = name_key(stem)
        while name_key(candidate) in self._given or self._taken(candidate):
            self._numbers[key] = self._numbers.get(key, 1) + 1
            candidate = f"{stem}-{self._numbers[key]}"
        self._given.add(name_key(candidate))
        return candidate
