"""The farm on a screen on a wall: large, and left alone for a month."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.places.view import Maps
from rigfarm.commander.rigs import Shown
from rigfarm.commander.wall.live import register_live_pages
from rigfarm.commander.wall.pages import page_routes

__all__ = ["noun"]


def noun(shown: Shown, templates: Environment) -> Noun:
    """Its door."""
    maps = Maps(shown)
    return Noun(
        routes=page_routes,
        parts={"wall_maps": maps},
        live_pages=lambda routes: register_live_pages(routes, shown, maps, templates),
    )
