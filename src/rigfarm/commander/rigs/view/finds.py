"""Rigs and places for the finder: its text is a search, as in the indexes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlencode

from msgspec.structs import replace

from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.kinds import KINDS, Kind
from rigfarm.commander.rigs.listing.language import SearchMistake
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import RigBook
from rigfarm.commander.rigs.view.labels import condition

__all__ = ["finds"]

MOST = 4
"""Of each kind; one more is a link to all."""
MOST_PLACES = 3


def finds(book: RigBook, rig_list: RigList, text: str) -> Iterator[Hit]:
    """Those of each kind, where they are all listed, and places. What means nothing as a search finds nothing."""
    try:
        for kind in KINDS.values():
            yield from _of_kind(kind, book, rig_list, text)
    except SearchMistake:
        return
    named = matching(text, (Hit(place, "", "place") for place in rig_list.places))
    for hit in named[:MOST_PLACES]:  # of ten thousand places, these alone need a link
        yield replace(hit, href=f"/places?{urlencode({'q': condition('place', hit.label)})}")


def _of_kind(kind: Kind, book: RigBook, rig_list: RigList, text: str) -> Iterator[Hit]:
    found = rig_list.sorted_ids(IndexQuery(kind.name, q=text, sort="name"))
    if len(found) > MOST:
        yield Hit(f"All {kind.counted(len(found))} with “{text}”", kind.href(q=text), kind.title)
    asked = text.casefold().strip()
    likely = sorted(found, key=lambda one: not book.rigs[one].name.casefold().startswith(asked))
    for one in islice(likely, MOST):
        rig = book.rigs[one]
        yield Hit(rig.name, rig.href, kind.one, rig.place)
