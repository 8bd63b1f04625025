"""Names that operators give to things."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rigfarm.commander.refusals import Invalid

__all__ = ["MAX_NAME", "MAX_TEXT", "clean_line", "clean_name", "clean_text", "name_key", "name_order"]

MAX_NAME = 64
MAX_TEXT = 2_000
_DIGITS = re.compile(r"(\d+)")
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


def name_key(name: str) -> str:
    """What makes names distinct: compared without regard to case."""
    return unicodedata.normalize("NFKC", name).casefold()


@lru_cache(maxsize=1 << 15)
def name_order(name: str) -> tuple[str | int, ...]:
    """In which order people expect names: rig-9 before rig-10."""
    return tuple(int(part) if position % 2 else part for position, part in enumerate(_DIGITS.split(name_key(name))))
