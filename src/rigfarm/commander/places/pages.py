"""The map's page."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec.structs import replace

from rigfarm.commander.places.view import PARAMS, Asked, Maps, map_page
from rigfarm.commander.rigs.listing.language import SearchMistake, parse
from rigfarm.commander.rigs.past.machine import TimeMachine
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
NONE = "state:waiting -state:waiting"
"""Finds nothing."""


@get("/places", opt=asks(*PARAMS), include_in_schema=False)
async def show_map(
    request: WebRequest, maps: NamedDependency[Maps], time_machine: NamedDependency[TimeMachine]
) -> Template:
    """Every rig in its place."""
    params = dict(request.query_params)
    asked = Asked.of(params)
    then = await time_machine.at(asked.at, brief=True) if asked.at else None
    mistake = ""
    try:
        wanted = parse(asked.q)
        if then is not None:
            if asked.colouring.reads == "logs" or wanted.reads_logs:
                await time_machine.know(then)
            elif asked.colouring.reads == "reasons":
                await time_machine.know_reasons(then)
        page = await (maps.page(asked) if then is None else map_page(replace(asked, at=then.at), then.shown))
    except SearchMistake as error:
        mistake = str(error)
        page = replace(await map_page(Asked(q=NONE), maps.shown), asked=asked)
    return render(
        request,
        "places.html",
        status=400 if mistake else 200,
        active="places",
        page=page,
        mistake=mistake,
        live=page.here if then is None and not mistake else "",
        past=None if then is None else then.band("/places", params),
    )


page_routes = [show_map]
