"""Which limits were reached, as data: the table, and one line on the overview."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from msgspec import Struct

from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.server.incidents import Incident, Incidents
from rigfarm.units import duration

__all__ = ["FindRig", "IncidentRow", "acting_limits", "listing", "rows_of"]

FindRig: TypeAlias = Callable[[int], Rig | None]
MAX_ROWS = 200


class IncidentRow(Struct, frozen=True):
    """One line of the table."""

    who: str
    href: str
    """The rig's page; empty when the source is not a rig of this farm."""
    kind: str
    action: str
    count: int
    first: datetime
    last: datetime

    @property
    def first_ago(self) -> str:
        """For people."""
        return _ago(self.first)

    @property
    def last_ago(self) -> str:
        """For people."""
        return _ago(self.last)


def rows_of(incidents: Iterable[Incident], find_rig: FindRig) -> list[IncidentRow]:
    """The table's lines, in the order given."""
    rows = []
    for one in incidents:
        rig = None if one.rig is None else find_rig(one.rig)
        who, href = (one.source, "") if rig is None else (rig.name, rig.href)
        rows.append(IncidentRow(who, href, one.kind, one.action, one.count, _time(one.first_ms), _time(one.last_ms)))
    return rows


def acting_limits(incidents: Incidents, find_rig: FindRig) -> tuple[IncidentRow | None, int]:
    """The most recent one of the last ten minutes, and how many more there are."""
    acting = incidents.acting()
    return (rows_of(acting[:1], find_rig)[0], len(acting) - 1) if acting else (None, 0)


def listing(incidents: Incidents, find_rig: FindRig) -> dict[str, Any]:
    """Context of the table: the most recent ones."""
    found = incidents.all()
    return {"rows": rows_of(found[:MAX_ROWS], find_rig), "more": max(len(found) - MAX_ROWS, 0)}


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


def _ago(moment: datetime) -> str:
    return duration((datetime.now(UTC) - moment).total_seconds())
