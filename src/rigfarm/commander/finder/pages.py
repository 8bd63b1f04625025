"""The finder's page, and its dialog."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Template

from rigfarm.commander.finder.view import MAX_TEXT, Finder
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


@get("/find", include_in_schema=False)
async def show_finder(
    request: WebRequest,
    finder: NamedDependency[Finder],
    q: Annotated[str, QueryParameter(max_length=MAX_TEXT)] = "",
) -> Template:
    """What a text means, anywhere."""
    return render(request, "finder.html", q=q, hits=await finder.find(q), hx=is_htmx(request.scope))


page_routes = [show_finder]
