"""Circuits: what feeds the rigs of some places, how much it may carry, and what it draws."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment

from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.api import api_routes
from rigfarm.commander.circuits.draw.forecast import forecast
from rigfarm.commander.circuits.draw.sums import Draw, Draws
from rigfarm.commander.circuits.live import register_live_pages
from rigfarm.commander.circuits.model import Circuit
from rigfarm.commander.circuits.pages import page_routes
from rigfarm.commander.circuits.view import listing
from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import Work

__all__ = ["Circuit", "Circuits", "Draw", "Draws", "forecast", "noun"]


def noun(circuits: Circuits, templates: Environment) -> Noun:
    """Its door. The page of places shows the circuits, too."""
    templates.globals["circuits_in_brief"] = partial(listing, circuits, brief=True)
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"circuits": circuits},
        live_pages=lambda routes: register_live_pages(routes, templates, circuits),
        load=circuits.load,
        finds=lambda text: matching(
            text, (Hit(one.name, f"/circuits/{one.id}", "circuit") for one in circuits.circuits.values())
        ),
        work=[Work("power of circuits", circuits.draws.run)],
    )
