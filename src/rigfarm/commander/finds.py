"""What can be found by its name from anywhere: each noun says what it has (`Noun.finds`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

from rigfarm.commander.names import name_sort

__all__ = ["Finds", "Hit", "matching"]


LONG = 3
"""Letters of a word that may be looked for within others."""


class Hit(Struct, frozen=True):
    """Something that was found, and its page."""

    label: str
    href: str
    what: str
    """What it is: `playbook`."""
    said: str = ""
    """About this one, in a few words."""


Finds = Callable[[str], Iterable[Hit] | Awaitable[Iterable[Hit]]]
"""Finds things by a text, the likeliest first. Called on the event loop whenever somebody types: what takes long is
awaited."""


def matching(text: str, hits: Iterable[Hit]) -> list[Hit]:
    """Those whose label has every word of a text, short ones at the beginning of a word of its own. First those that
    are called so, then those that begin so."""
    asked = text.casefold().strip()
    words = asked.split()
    labels = ((hit.label.casefold(), hit) for hit in hits)
    found = [(label, hit) for label, hit in labels if all(_has(label, word) for word in words)]
    found.sort(key=lambda one: (one[0] != asked, not one[0].startswith(asked), name_sort(one[1].label)))
    return [hit for _, hit in found]


def _has(label: str, word: str) -> bool:
    at = label.find(word)
    while at > 0 and len(word) < LONG and label[at - 1].isalnum():
        at = label.find(word, at + 1)
    return at >= 0
