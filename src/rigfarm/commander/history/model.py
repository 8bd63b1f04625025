"""How long history is kept, and where it is kept: numbers of slots, hours and days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.settings import Settings
from rigfarm.wire.specs import Specs

__all__ = [
    "BRIEF_RIGS",
    "DAY_MS",
    "DERIVED",
    "HOUR_MS",
    "OF_RIGS",
    "OWNER",
    "SLOT_MS",
    "TABLES",
    "Keep",
    "KnownRig",
    "Table",
    "derived_row",
    "group_of",
    "keep_of",
    "place_of",
    "row_id",
]

SLOT_MS = 600_000
"""What one chunk of raw logs spans."""
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

Table = Literal["raw", "briefs", "minutes", "minute_briefs", "tens", "hours", "minute_totals", "hour_totals"]
TABLES: dict[Table, int] = {
    "raw": SLOT_MS,
    "briefs": SLOT_MS,
    "minutes": HOUR_MS,
    "minute_briefs": HOUR_MS,
    "tens": DAY_MS,
    "hours": DAY_MS,
    "minute_totals": HOUR_MS,
    "hour_totals": DAY_MS,
}
"""What a row of each table spans, ms."""

OF_RIGS: tuple[Table, ...] = ("raw", "minutes", "tens", "hours")
"""The tables whose rows belong to a rig."""
DERIVED: dict[Table, Table] = {"briefs": "raw", "minute_briefs": "minutes", "tens": "minutes"}
"""Tables that only say again what another one says, so that reading costs less: of many rigs in brief, and minutes of a
whole day ten by ten."""


class KnownRig(Struct, frozen=True, kw_only=True):
    """A rig of the farm, as far as history needs to know it."""

    kind: KindName
    name: str
    added_ms: int
    specs: Specs | None = None
    place: str = ""
    tags: tuple[str, ...] = ()


def keep_of(settings: Settings) -> Keep:
    """As the operator set it."""
    return Keep(
        raw=settings.history_raw_hours,
        minutes=settings.history_minute_days * 24,
        hours=settings.history_hour_days * 24,
    )


class Keep(Struct, frozen=True, kw_only=True):
    """How long history is kept, in hours."""

    raw: float = 48.0
    minutes: float = 30 * 24.0
    hours: float = 730 * 24.0

    def of(self, table: Table) -> float:
        """How long the rows of a table are kept, ms: those that are made from others longer than these."""
        minutes = max(self.minutes, self.raw + 24)
        hours = dict.fromkeys(("raw", "briefs"), self.raw)
        hours |= dict.fromkeys(("minutes", "minute_briefs", "tens", "minute_totals"), minutes)
        return hours.get(table, max(self.hours, minutes + 24)) * HOUR_MS


def row_id(number: int, owner: int) -> int:
    """The id of a row: time first, so that rows that are written together lie together, and old ones go together.
    `number` counts slots, hours or days since 1970; `owner` is a rig, a group of them, or the place of a kind."""
    return number << 32 | owner


OWNER = (1 << 32) - 1
"""The owner in the id of a row."""
_PLACES: Mapping[KindName, int] = {kind: n for n, kind in enumerate(KINDS, 1)}


BRIEF_RIGS = 128
"""Rigs with ids that follow one another, whose briefs are one row."""


def group_of(rig: int) -> int:
    """What stands for a rig and those beside it in the ids of briefs."""
    return rig // BRIEF_RIGS


def derived_row(table: Table, row: int) -> int:
    """The row of a derived table in which a row of the table that it is derived from is said again."""
    number = (row >> 32) * TABLES[DERIVED[table]] // TABLES[table]
    return row_id(number, row & OWNER if table in OF_RIGS else group_of(row & OWNER))


def place_of(kind: KindName) -> int:
    """What stands for a kind in the ids of totals."""
    return _PLACES[kind]
