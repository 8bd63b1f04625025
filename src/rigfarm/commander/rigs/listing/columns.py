"""Which columns an index can show, and which of them a URL asks for. A rig's name is always the first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rigfarm.commander.asked import one_of, short_text
from rigfarm.commander.kinds import KindName
from rigfarm.commander.refusals import NotUnderstood

__all__ = ["COLUMN_NAMES", "asked_columns"]

COLUMN_NAMES: Mapping[KindName, tuple[str, ...]] = MappingProxyType(
    {
        "cpu-gpu": ("state", "coin", "hashrate", "day", "shares", "devices", "power", "uptime", "seen"),
        "asic": (
            *("state", "model", "hashrate", "day", "devices", "alive", "hottest", "fans", "power"),
            *("pool", "shares", "uptime", "seen"),
        ),
    }
)
"""In their usual order, which is that of the cells in rig_row.html and of `COLUMNS` in view/index.py (which has no
"day")."""
MAX_TEXT = 200


def asked_columns(kind: KindName, params: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that `cols` names, in its order; empty: the usual ones. NotUnderstood for another name, or for one
    that is there twice."""
    names = tuple(part.strip() for part in short_text(params, "cols", MAX_TEXT).split(",") if part.strip())
    for name in names:
        one_of("column", name, COLUMN_NAMES[kind])
    if len(set(names)) < len(names):
        raise NotUnderstood("cols names a column twice.")
    return () if names == COLUMN_NAMES[kind] else names
