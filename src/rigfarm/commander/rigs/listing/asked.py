"""`?filter=` of the API: of which rigs a list has the rows, in the language of the search box. One way for all lists: a
handler asks for `of_rigs`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, parse
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList

__all__ = ["Filter", "asked_rigs", "rigs_found"]

Filter: TypeAlias = Annotated[
    str,
    QueryParameter(
        name="filter",
        max_length=MAX_SEARCH,
        description="Only of rigs that this search finds now, as in docs/search.md.",
        examples=[Example(summary="Rigs of a hall", value="place:hall-2 -tag:test")],
    ),
]


async def asked_rigs(rig_list: NamedDependency[RigList], search: Filter = "") -> OfRigs:
    """For handlers of lists whose rows belong to rigs. SearchMistake."""
    return OfRigs(rigs_found(rig_list, search) if search.strip() else None)


def rigs_found(rig_list: RigList, search: str) -> frozenset[int]:
    """The rigs of both kinds that a search finds. SearchMistake."""
    parse(search)
    queries = [IndexQuery.parse(kind, {"q": search, "sort": "name"}) for kind in KINDS]
    return frozenset(rig_id for query in queries for rig_id in rig_list.sorted_ids(query))
