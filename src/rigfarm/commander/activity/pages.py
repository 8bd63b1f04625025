"""The page of the activity."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.activity.actions import Activity
from rigfarm.commander.activity.model import KINDS_OF_ACTORS
from rigfarm.commander.activity.view import PARAMETERS, RESULTS, TIMES, Links, activity_page
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


@get("/activity", opt=asks(*PARAMETERS), include_in_schema=False)
async def show_activity(
    request: WebRequest, activity: NamedDependency[Activity], activity_links: NamedDependency[Links]
) -> Template:
    """What was done, by whom; the newest first."""
    page = await activity_page(activity, activity_links, dict(request.query_params))
    return render(request, "activity.html", filters=filters(activity), page=page, active="activity", live=page.here)


page_routes = [show_activity]


def filters(activity: Activity) -> dict[str, object]:
    """What there is to choose from."""
    return {"kinds": KINDS_OF_ACTORS, "results": RESULTS, "times": TIMES, "actions": sorted(activity.actions)}
