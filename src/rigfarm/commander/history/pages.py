"""The page that says what history is kept, and how large it gets."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.history.actions import History, HistoryUnavailable
from rigfarm.commander.history.view import sizes_view
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


@get("/settings/history", include_in_schema=False)
async def sizes_page(request: WebRequest, history: NamedDependency[History]) -> Template:
    """How large history is."""
    try:
        page, problem = sizes_view(await history.sizes()), ""
    except HistoryUnavailable as why:
        page, problem = None, str(why)
    return render(request, "history_sizes.html", page=page, problem=problem)


page_routes = [sizes_page]
