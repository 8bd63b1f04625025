"""A saved view: what an index' URL says, under a name."""

from __future__ import annotations

from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.names import clean_name
from rigfarm.commander.refusals import Invalid, NotUnderstood
from rigfarm.commander.rigs.listing.query import IndexQuery

__all__ = ["MAX_VIEWS", "View", "canonical", "checked_name", "checked_search"]

MAX_VIEWS = 50
"""Of each kind of rig: they are tabs above its index."""
MAX_SEARCH = 2_000


class View(Struct, frozen=True):
    """As it is stored. `search` is the part of the URL after `?`, without a page and without another time."""

    id: int
    kind: KindName
    name: str
    search: str
    revision: int

    @property
    def href(self) -> str:
        """Where it is seen."""
        return f"{KINDS[self.kind].path}?{self.search}"


def canonical(query: IndexQuery) -> str:
    """A view of an index as it is stored; empty for the usual one."""
    return replace(query, page=1, at="").url().removeprefix("?")


def checked_name(name: str) -> str:
    """As it is stored; Invalid says what would be right."""
    return clean_name(name, "A view", "hot ones")


def checked_search(kind: KindName, search: str) -> str:
    """As it is stored; Invalid for what an index does not understand, or shows without a view."""
    if len(search) > MAX_SEARCH:
        raise Invalid(f"A view's URL has at most {MAX_SEARCH} characters.", field="search")
    try:
        found = canonical(IndexQuery.parse(kind, dict(parse_qsl(search.removeprefix("?")))))
    except NotUnderstood as error:
        raise Invalid(str(error), field="search") from None
    if not found:
        raise Invalid("This is the usual view: search, filter, sort or choose columns first.", field="search")
    return found
