"""Which of those that are in trouble have one cause: the same rule found them within a minute, and they share a fact.

Every alert names what *all* that are in it share. Who comes later joins the oldest alert with which they share
something of that; the rest is divided, the largest groups first.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar, get_args

from rigfarm.commander.alerts.model import Dimension, Fact
from rigfarm.commander.rigs.model import within

__all__ = ["Facts", "groups", "labels", "most_telling"]

Facts = frozenset[Fact]
_ORDER: Mapping[str, int] = {name: at for at, name in enumerate(get_args(Dimension))}
T = TypeVar("T", bound=Hashable)


def labels(place: str, tags: Iterable[str]) -> Iterable[Fact]:
    """What a rig shares by its tags and by every place that it lies in. Case means nothing, as in a search."""
    for one in within(place.casefold()):
        yield "place", one
    for tag in tags:
        yield "tag", tag.casefold()


def most_telling(facts: Iterable[Fact]) -> list[Fact]:
    """The most telling first. Of places that lie in each other only the smallest says anything."""
    known = set(facts)
    around = {one for what, place in known if what == "place" for one in within(place.rpartition("/")[0])}
    said = [fact for fact in known if fact[0] != "place" or fact[1] not in around]
    return sorted(said, key=lambda fact: (_ORDER[fact[0]], fact[1]))


def groups(found: Mapping[T, Facts]) -> list[tuple[list[T], Facts]]:
    """Everything that was found at once, divided by cause: (members in their order, what all of them share).

    The fact that most of them share makes the first group, of equals the most telling one; then the rest is divided.
    """
    sharing: dict[Fact, set[T]] = defaultdict(set)
    for one, facts in found.items():
        for fact in facts:
            sharing[fact].add(one)
    heap = [(-len(who), _ORDER[fact[0]], fact[1], fact) for fact, who in sharing.items() if len(who) > 1]
    heapq.heapify(heap)
    place = {one: at for at, one in enumerate(found)}
    left = dict.fromkeys(found)
    made: list[tuple[list[T], Facts]] = []
    while heap:
        size, order, name, fact = heapq.heappop(heap)
        who = sharing[fact]
        if len(who) < 2:
            continue
        if len(who) != -size:
            heapq.heappush(heap, (-len(who), order, name, fact))
            continue
        group = sorted(who, key=place.__getitem__)
        made.append((group, frozenset.intersection(*(found[one] for one in group))))
        for one in group:
            del left[one]
            for other in found[one]:
                sharing[other].discard(one)
    return made + [([one], found[one]) for one in left]
