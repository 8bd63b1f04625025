"""Which rigs something is done to: named one by one, or all that a view of the index shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.kinds import KindName
from rigfarm.commander.numbers import Number, number
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList

__all__ = ["MAX_RIGS", "RigFilter", "RigSelection", "chosen", "numbers"]

MAX_RIGS = 20_000


class RigFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """As in the URL of the index; an empty filter means every rig, those that have never reported included."""

    q: str = ""
    state: str = ""
    coin: str = ""

    def ids(self, rig_list: RigList, kind: KindName) -> list[int]:
        """The rigs of this moment, by name."""
        params = {"q": self.q, "state": self.state, "coin": self.coin, "sort": "name"}
        return list(rig_list.with_waiting(IndexQuery.parse(kind, params)))


class RigSelection(Struct, frozen=True, forbid_unknown_fields=True):
    """`rigs` by their ids, or a `filter`."""

    rigs: list[Number] = []
    filter: RigFilter | None = None

    def ids(self, rig_list: RigList, kind: KindName = "cpu-gpu") -> list[int]:
        """The rigs of this moment, each once. Invalid when nothing was chosen."""
        chosen = list(dict.fromkeys(self.rigs))
        if self.filter is not None:
            if chosen:
                raise Invalid("Choose rigs or a filter, not both.", field="rigs")
            chosen = self.filter.ids(rig_list, kind)
            if not chosen:
                raise Invalid("No rigs match this filter: nothing was done.", field="filter")
        if not chosen:
            raise Invalid("Choose at least one rig.", field="rigs")
        if len(chosen) > MAX_RIGS:
            raise Invalid(f"At most {units.count(MAX_RIGS)} rigs at once.", field="rigs")
        return chosen


def numbers(texts: Iterable[object]) -> list[int]:
    """Ids as forms and URLs carry them, one by one or joined by commas; each once; anything else is skipped."""
    parts = (part.strip() for text in texts if isinstance(text, str) for part in text.split(","))
    return list(dict.fromkeys(found for one in parts if (found := number(one)) is not None))


def chosen(rigs: Iterable[object], fields: Mapping[str, str], rig_list: RigList, kind: KindName) -> list[int]:
    """The rigs that an index' form speaks of at this moment: those named, or with `those=filter` all that this view of
    the index shows, on all of its pages. Invalid when there are too many."""
    if fields.get("those") == "filter":
        view = {name: fields[name] for name in RigFilter.__struct_fields__ if name in fields}
        found = list(rig_list.sorted_ids(IndexQuery.parse(kind, {**view, "sort": "name"})))
    else:
        found = numbers(rigs)
    if len(found) > MAX_RIGS:
        raise Invalid(f"At most {units.count(MAX_RIGS)} rigs at once.", field="rigs")
    return found
