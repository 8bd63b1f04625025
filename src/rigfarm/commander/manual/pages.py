"""The manual's pages."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Template

from rigfarm.commander.manual.model import Manual
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
MAX_SEARCH = 100


@get("/help", include_in_schema=False)
async def show_contents(
    request: WebRequest, manual: NamedDependency[Manual], q: Annotated[str, QueryParameter(max_length=MAX_SEARCH)] = ""
) -> Template:
    """Every chapter, or what a search finds."""
    found = await asyncio.to_thread(manual.find, q)
    return render(request, "manual.html", contents=manual.contents, q=q, found=found, chapter=None)


@get("/help/{name:str}", include_in_schema=False)
async def show_chapter(request: WebRequest, manual: NamedDependency[Manual], name: FromPath[str]) -> Template:
    """One chapter."""
    chapter = await asyncio.to_thread(manual.chapter, name)
    return render(request, "manual.html", contents=manual.contents, q="", found=[], chapter=chapter)


page_routes = [show_contents, show_chapter]
