"""The JSON API of limits reached."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.server.incidents import Incident, Incidents
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]


class IncidentAnswer(Struct, omit_defaults=True):
    """A limit that was reached. `count` is how often since the Commander was started."""

    source: str
    what: str
    action: str
    count: int
    first_at: datetime
    last_at: datetime
    rig_id: int | UnsetType = UNSET


@get("/api/incidents", summary="List the limits that were reached", tags=["incidents"], sync_to_thread=False)
def list_incidents(
    request: Request[Any, Any, Any],
    incidents: NamedDependency[Incidents],
    of_rigs: NamedDependency[OfRigs],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[IncidentAnswer]]:
    """Who sent too much or too often, and what was done; the most recent first. At most 500, since the last start."""
    found = [one for one in incidents.all() if of_rigs.has(one.rig)]
    return one_page(request, found, limit, after, key=lambda one: one.first_ms, answer=_answer)


api_routes = [list_incidents]


def _answer(one: Incident) -> IncidentAnswer:
    return IncidentAnswer(
        one.source,
        one.kind,
        one.action,
        one.count,
        _time(one.first_ms),
        _time(one.last_ms),
        UNSET if one.rig is None else one.rig,
    )


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
