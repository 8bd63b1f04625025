"""Saved views as tabs above an index."""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.views.actions import Views
from rigfarm.commander.views.model import View, canonical

__all__ = ["Tabs", "tabs"]


class Tabs(Struct, frozen=True):
    """`usual`: the index as it is without a view is shown; `current`: the id of the view that is, 0: none of them."""

    views: tuple[View, ...]
    usual: bool
    current: int
    save: str
    """Where what is shown is saved as a view; empty where it is one, or the usual one."""


def tabs(views: Views, query: IndexQuery) -> Tabs:
    """Those of an index, and which of them is shown."""
    search, known = canonical(query), tuple(views.listed(query.kind))
    current = next((one.id for one in known if one.search == search), 0)
    save = "" if current or not search else f"/views/new?{urlencode({'kind': query.kind, 'search': search})}"
    return Tabs(known, not search, current, save)
