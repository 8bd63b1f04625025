"""A rig, of either kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.kinds import KINDS, Kind, KindName
from rigfarm.commander.refusals import Invalid
from rigfarm.common.clock import iso, utc_ms
from rigfarm.wire.specs import Specs

__all__ = [
    "MAX_PLACE",
    "MAX_TAG",
    "MAX_TAGS",
    "Maintenance",
    "PastRig",
    "Relabel",
    "Rig",
    "RigBook",
    "clean_place",
    "clean_tags",
    "within",
    "worker_name",
]

MAX_TAG = 32
MAX_TAGS = 16
"""Of one rig."""
MAX_LEVEL = 32
MAX_LEVELS = 6
MAX_PLACE = 120
_TAG = re.compile(r"\w[\w.+-]*")
_LEVEL = re.compile(r"\w[\w .+-]*")
_OTHER = re.compile(r"[^a-zA-Z0-9]")


class Maintenance(Struct, frozen=True, gc=False):
    """A person works on the rig: it needs no attention, and no alert is sent about it. Times are UTC milliseconds."""

    since: int
    by: str
    """Who said so; empty where that is unknown."""
    reason: str = ""
    until: int | None = None
    """When it ends by itself; absent: when a person ends it."""

    def lasts_beyond(self, now_ms: int) -> bool:
        """Whether it has not come to its end by then."""
        return self.until is None or self.until > now_ms


class Rig(Struct, frozen=True, gc=False):
    """What is kept about a rig. Times are UTC milliseconds."""

    id: int
    name: str
    kind: KindName
    created_at: int
    revision: int = 1
    first_seen_at: int | None = None
    """When it reported for the first time; absent: it is waiting."""
    specs: Specs | None = None
    token_due: bool = False
    """Its token was replaced, and it has not connected with the new one yet."""
    maintenance: Maintenance | None = None
    place: str = ""
    """Levels between slashes, the largest first; empty where it is unknown."""
    tags: tuple[str, ...] = ()

    @property
    def of(self) -> Kind:
        """All about its kind."""
        return KINDS[self.kind]

    @property
    def now_ms(self) -> int:
        """The time of which this is, UTC ms."""
        return utc_ms()

    @property
    def href(self) -> str:
        """Its page."""
        return f"{self.of.path}/{self.id}"


class PastRig(Rig, frozen=True, kw_only=True, gc=False):
    """A rig as it was at another time; its page is the one of then."""

    at_ms: int

    @property
    def now_ms(self) -> int:
        """The other time."""
        return self.at_ms

    @property
    def href(self) -> str:
        """Its page as it was."""
        return f"{self.of.path}/{self.id}?{urlencode({'at': iso(self.at_ms)})}"


class RigBook(Protocol):
    """What pages ask of the rigs of a farm, of now or of another time."""

    @property
    def rigs(self) -> Mapping[int, Rig]:
        """By id."""

    @property
    def revision(self) -> int:
        """Grows whenever one of them changes."""

    def get(self, rig_id: int) -> Rig:
        """The rig, or the refusal Absent."""

    def of_kind(self, kind: KindName) -> list[Rig]:
        """Rigs of a kind, oldest first."""


def worker_name(rig_name: str) -> str:
    """The name under which a rig shows up at its pool: no diacritics, and a hyphen for all but a–z, A–Z and 0–9."""
    plain = "".join(char for char in unicodedata.normalize("NFD", rig_name) if not unicodedata.combining(char))
    return _OTHER.sub("-", plain)


class Relabel(Struct, frozen=True, kw_only=True):
    """What changes on rigs; of texts as people type them."""

    place: str | None = None
    """Where they are from now on; empty: nowhere known. None leaves it as it is."""
    add: tuple[str, ...] = ()
    """Tags."""
    drop: tuple[str, ...] = ()
    """Tags; `*`: all."""

    def checked(self) -> Relabel:
        """As it is stored. Invalid."""
        everything = self.drop == ("*",)
        return Relabel(
            place=None if self.place is None else clean_place(self.place),
            add=clean_tags(self.add),
            drop=self.drop if everything else clean_tags(self.drop),
        )

    def of(self, rig: Rig) -> Rig:
        """The rig with it. Invalid where it would have too many tags."""
        gone = {tag.casefold() for tag in self.drop}
        kept = [tag for tag in rig.tags if self.drop != ("*",) and tag.casefold() not in gone]
        known = {tag.casefold() for tag in kept}
        tags = tuple(sorted([*kept, *(tag for tag in self.add if tag.casefold() not in known)], key=str.casefold))
        if len(tags) > MAX_TAGS:
            raise Invalid(f"{rig.name} would have {len(tags)} tags; a rig has at most {MAX_TAGS}.", field="add")
        return replace(rig, place=rig.place if self.place is None else self.place, tags=tags)


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, whatever the case. Invalid for one that is no word."""
    found: dict[str, str] = {}
    for text in tags:
        tag = unicodedata.normalize("NFC", text.strip().removeprefix("#"))
        if not tag:
            continue
        if len(tag) > MAX_TAG or not _TAG.fullmatch(tag):
            raise Invalid(
                f"A tag is one word of at most {MAX_TAG} letters, digits, and . + - _ between them: not {tag[:40]!a}.",
                field="add",
            )
        found.setdefault(tag.casefold(), tag)
    if len(found) > MAX_TAGS:
        raise Invalid(f"A rig has at most {MAX_TAGS} tags.", field="add")
    return tuple(found.values())


def clean_place(text: str) -> str:
    """Levels between slashes, the largest first: `hall-2/row 1/rack-3`. Empty is nowhere. Invalid."""
    levels = [" ".join(unicodedata.normalize("NFC", level).split()) for level in text.split("/")]
    levels = [level for level in levels if level]
    if len(levels) > MAX_LEVELS:
        raise Invalid(f"A place has at most {MAX_LEVELS} levels.", field="place")
    for level in levels:
        if len(level) > MAX_LEVEL or not _LEVEL.fullmatch(level):
            raise Invalid(
                f"Each level of a place has at most {MAX_LEVEL} letters, digits, spaces, and . + - _: not "
                f"{level[:40]!a}.",
                field="place",
            )
    place = "/".join(levels)
    if len(place) > MAX_PLACE:
        raise Invalid(f"A place has at most {MAX_PLACE} characters.", field="place")
    return place


def within(place: str) -> Iterable[str]:
    """A place and all that it lies in, the smallest first."""
    while place:
        yield place
        place = place.rpartition("/")[0]
