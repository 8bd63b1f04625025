"""The wall's page."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.auth.answers import WebRequest, visit_again
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.places.view import Maps
from rigfarm.commander.rigs import Shown
from rigfarm.commander.wall.view import tiles_of, wall_page
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]


@get("/wall", opt=asks("theme"), include_in_schema=False)
async def show_wall(
    request: WebRequest, auth: NamedDependency[Auth], shown: NamedDependency[Shown], wall_maps: NamedDependency[Maps]
) -> Template:
    """For a screen that no one touches. The page loads itself again every day, and a visitor's cookie lasts on."""
    page = render(request, "wall.html", page=wall_page(shown), tiles=await tiles_of(wall_maps), live="/wall")
    visit_again(request, auth, page)
    return page


page_routes = [show_wall]
