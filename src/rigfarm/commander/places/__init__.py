"""The farm in its places: a tile for each rig where it stands, and what each place adds up to."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.places.live import register_live_pages
from rigfarm.commander.places.pages import page_routes
from rigfarm.commander.places.view import Maps
from rigfarm.commander.rigs import Shown
from rigfarm.commander.web.shell import NavItem

__all__ = ["noun"]


def noun(shown: Shown, templates: Environment) -> Noun:
    """Its door."""
    maps = Maps(shown)
    return Noun(
        routes=page_routes,
        parts={"maps": maps},
        live_pages=lambda routes: register_live_pages(routes, maps, templates),
        nav=[NavItem("places", "Places", "/places", go="l")],
    )
