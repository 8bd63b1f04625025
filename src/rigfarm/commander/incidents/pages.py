"""The page that shows which limits were reached."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.incidents.view import listing
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


@get("/settings/limits", include_in_schema=False)
async def limits_page(
    request: WebRequest, incidents: NamedDependency[Incidents], book: NamedDependency[Rigs]
) -> Template:
    """Limits reached."""
    return render(request, "limits.html", live="/settings/limits", **listing(incidents, book.rigs.get))


page_routes = [limits_page]
