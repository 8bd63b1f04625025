"""The columns of an index that a viewer chose: their links, and rows with their cells in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.rigs.listing.columns import COLUMN_NAMES
from rigfarm.commander.rigs.listing.query import IndexQuery

__all__ = ["ColumnChoice", "arranged", "column_choices", "shown_columns"]

_CELL = '<td class="c-'
_CLASSES: Mapping[str, str] = MappingProxyType({"hashrate": "rate", "devices": "strip", "hottest": "hot"})
"""Of cells that are called otherwise than their column."""
_END = "</tr>"


class ColumnChoice(Struct, frozen=True):
    """A column in the chooser: links to the view with or without it, or with it elsewhere; empty where that would
    change nothing."""

    label: str
    shown: bool
    toggle: str
    earlier: str
    later: str


def shown_columns(query: IndexQuery, *, days: bool) -> tuple[str, ...]:
    """The names of what an index shows after the rig's name; `days`: whether there is history for sparklines."""
    names = query.columns or COLUMN_NAMES[query.kind]
    return names if days else tuple(name for name in names if name != "day")


def column_choices(query: IndexQuery, path: str, labels: Mapping[str, str]) -> tuple[ColumnChoice, ...]:
    """Those that are shown, in their order, then the others. `labels` are the known columns' words."""
    now = shown_columns(query, days="day" in labels)

    def link(names: Sequence[str]) -> str:
        usual = tuple(names) == COLUMN_NAMES[query.kind]
        return path + query.url(cols="" if usual else ",".join(names))

    def moved(at: int, by: int) -> str:
        if not 0 <= at + by < len(now):
            return ""
        names = list(now)
        names[at], names[at + by] = names[at + by], names[at]
        return link(names)

    shown = [
        ColumnChoice(
            labels[name],
            True,
            link([one for one in now if one != name]) if len(now) > 1 else "",
            moved(at, -1),
            moved(at, 1),
        )
        for at, name in enumerate(now)
    ]
    others = [name for name in COLUMN_NAMES[query.kind] if name in labels and name not in now]
    return (*shown, *(ColumnChoice(labels[name], False, link([*now, name]), "", "") for name in others))


def arranged(row: Markup, columns: Sequence[str]) -> Markup:
    """A rendered row with these cells in this order; rows are rendered once, with all of them. What a cell holds is
    escaped, so that nothing in it looks like the beginning of one."""
    if not columns:
        return row
    head, *cells = str(row).rstrip().removesuffix(_END).split(_CELL)
    known = {cell.partition('"')[0].partition(" ")[0]: cell for cell in cells}
    names = (_CLASSES.get(name, name) for name in columns)
    return Markup(head + "".join(_CELL + known[name] for name in names if name in known) + _END)  # noqa: S704 - of a row
