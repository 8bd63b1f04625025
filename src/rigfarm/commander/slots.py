"""Slots: the last level of places such as `hall-1/rack-2/07`, as people write several of them and count on from one.

slots_of("1..12")            1, 2, … 12
slots_of("a01..a03, b1")     a01, a02, a03, b1
next_slot("hall-1/rack-2/07")    hall-1/rack-2/08
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rigfarm.commander.names import name_sort
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import clean_place

__all__ = ["MAX_SLOTS", "MAX_TEXT", "known_slots", "next_slot", "slots_of"]

MAX_SLOTS = 200
"""Of one rack."""
MAX_TEXT = 600
"""Characters of slots as they are written."""
_RANGE = re.compile(r"(.*?)([0-9]{1,4})\s*(?:\.\.|…)\s*(.*?)([0-9]{1,4})")
_COUNTED = re.compile(r"(.*?)([0-9]{1,9})")
_EXAMPLE = "for example 1..12, or a1..a6, b1..b6"


def slots_of(text: str) -> tuple[str, ...]:
    """Names and ranges with commas between them; each slot once, in their order. Invalid, of the field `slots`."""
    if len(text) > MAX_TEXT:
        raise Invalid(f"Slots have at most {MAX_TEXT} characters: write ranges, {_EXAMPLE}.", field="slots")
    found: dict[str, None] = {}
    for part in text.replace("\n", ",").split(","):
        found |= dict.fromkeys(_expanded(part.strip()) if part.strip() else ())
        if len(found) > MAX_SLOTS:
            raise Invalid(f"At most {MAX_SLOTS} slots at once: name a smaller place.", field="slots")
    return tuple(found)


def _expanded(part: str) -> Iterator[str]:
    ends = _RANGE.fullmatch(part)
    if ends is None:
        yield _slot(part)
        return
    prefix, low, again, high = ends.groups()
    first, last = int(low), int(high)
    if again not in ("", prefix) or last < first:
        raise Invalid(f"{part[:40]!a} is not a range: write the smaller number first, {_EXAMPLE}.", field="slots")
    if last - first >= MAX_SLOTS:
        raise Invalid(f"At most {MAX_SLOTS} slots at once: name a smaller place.", field="slots")
    for number in range(first, last + 1):
        yield _slot(f"{prefix}{number:0{len(low)}d}")


def _slot(text: str) -> str:
    try:
        slot = clean_place(text)
    except Invalid:
        slot = ""
    if not slot or "/" in slot:
        raise Invalid(f"{text[:40]!a} is not a slot: write numbers or names, {_EXAMPLE}.", field="slots")
    return slot


def known_slots(place: str, places: Iterable[str]) -> tuple[str, ...]:
    """Slots of a place that rigs are in, and those that are missing between them, in order; `places` are those of all
    rigs."""
    used = {slot for one in places if (slot := one.removeprefix(f"{place}/")) != one and "/" not in slot}
    numbers: dict[str, list[str]] = {}
    for slot in used:
        if counted := _COUNTED.fullmatch(slot):
            numbers.setdefault(counted[1], []).append(counted[2])
    for prefix, some in numbers.items():
        first, last = (pick(some, key=int) for pick in (min, max))
        if int(last) - int(first) < MAX_SLOTS:
            width = len(first) if first.startswith("0") else 1
            used |= {f"{prefix}{number:0{width}d}" for number in range(int(first), int(last) + 1)}
    return tuple(sorted(used, key=name_sort)[:MAX_SLOTS])


def next_slot(place: str) -> str:
    """The place after one whose last level ends with a number, which keeps its width; empty where there is none."""
    counted = _COUNTED.fullmatch(place)
    if counted is None:
        return ""
    following = f"{counted[1]}{int(counted[2]) + 1:0{len(counted[2])}d}"
    try:
        return clean_place(following)
    except Invalid:
        return ""
