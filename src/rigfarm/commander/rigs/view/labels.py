"""Where a rig is and its tags, as links to all that are there or have them."""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.rigs.model import Rig, within

__all__ = ["LabelLink", "LabelsView", "condition", "labels_view"]


class LabelLink(Struct, frozen=True):
    """A level of a place, or a tag."""

    word: str
    href: str


class LabelsView(Struct, frozen=True):
    """Both; `place` from the largest level on."""

    place: tuple[LabelLink, ...]
    tags: tuple[LabelLink, ...]


def condition(field: str, value: str) -> str:
    """How the search box asks for it."""
    return f'{field}:"{value}"' if " " in value else f"{field}:{value}"


def labels_view(rig: Rig) -> LabelsView:
    """Of one rig."""
    path = rig.of.path

    def link(word: str, field: str, value: str) -> LabelLink:
        return LabelLink(word, f"{path}?{urlencode({'q': condition(field, value)})}")

    places = list(within(rig.place))[::-1]
    return LabelsView(
        tuple(link(place.rpartition("/")[2], "place", place) for place in places),
        tuple(link(tag, "tag", tag) for tag in rig.tags),
    )
