"""Where an operator sees which limits were reached: a page, one line on the overview, and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jinja2 import Environment
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.channels import INCIDENTS
from rigfarm.commander.incidents.register import Incident, Incidents
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.web.region_page import RegionPage
from rigfarm.commander.web.render import render
from rigfarm.units import duration

__all__ = ["IncidentRow", "acting_limits", "incident_routes", "rows_of", "show_incidents"]

WebRequest: TypeAlias = Request[Any, Any, Any]
FindRig: TypeAlias = Callable[[int], Rig | None]

PATHS = {"cpu-gpu": "/rigs", "asic": "/asics"}
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


class IncidentAnswer(Struct, omit_defaults=True):
    """A limit that was reached. `count` is how often since the Commander was started."""

    source: str
    what: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime
    rig_id: int | UnsetType = UNSET


def rows_of(incidents: Iterable[Incident], find_rig: FindRig) -> list[IncidentRow]:
    """The table's lines, in the order given."""
    rows = []
    for one in incidents:
        rig = None if one.rig is None else find_rig(one.rig)
        who, href = (one.source, "") if rig is None else (rig.name, f"{PATHS[rig.kind]}/{rig.id}")
        rows.append(IncidentRow(who, href, one.kind, one.action, one.count, _time(one.first_ms), _time(one.last_ms)))
    return rows


def acting_limits(incidents: Incidents, find_rig: FindRig) -> tuple[IncidentRow | None, int]:
    """The most recent one of the last ten minutes, and how many more there are."""
    acting = incidents.acting()
    return (rows_of(acting[:1], find_rig)[0], len(acting) - 1) if acting else (None, 0)


def show_incidents(incidents: Incidents, routes: PageRoutes, templates: Environment, find_rig: FindRig) -> None:
    """Make the page live, and let the overview know."""

    def page(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = _context(incidents, find_rig)
            return {"limits": templates.get_template("limits_list.html").render(**context)}

        return RegionPage([INCIDENTS], regions)

    routes.add(r"/settings/limits", page)
    templates.globals["acting_limits"] = lambda: acting_limits(incidents, find_rig)


@get("/settings/limits", include_in_schema=False)
async def limits_page(
    request: WebRequest, incidents: NamedDependency[Incidents], book: NamedDependency[RigBook]
) -> Template:
    """Limits reached."""
    return render(request, "limits.html", live="/settings/limits", **_context(incidents, book.rigs.get))


@get("/api/incidents", summary="List the limits that were reached", tags=["incidents"], sync_to_thread=False)
def list_incidents(incidents: NamedDependency[Incidents]) -> list[IncidentAnswer]:
    """Who sent too much or too often, and what was done; the most recent first. At most 500, since the last start."""
    return [
        IncidentAnswer(
            one.source,
            one.kind,
            one.action,
            one.count,
            _time(one.first_ms),
            _time(one.last_ms),
            UNSET if one.rig is None else one.rig,
        )
        for one in incidents.all()
    ]


incident_routes = [limits_page, list_incidents]


def _context(incidents: Incidents, find_rig: FindRig) -> dict[str, Any]:
    found = incidents.all()
    return {"rows": rows_of(found[:MAX_ROWS], find_rig), "more": max(len(found) - MAX_ROWS, 0)}


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


def _ago(moment: datetime) -> str:
    return duration((datetime.now(UTC) - moment).total_seconds())
