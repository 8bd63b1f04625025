"""Limits reached: who, what was done about it, how often. The register itself is `server.incidents`, far below."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.incidents.api import api_routes
from rigfarm.commander.incidents.live import register_live_pages
from rigfarm.commander.incidents.pages import page_routes
from rigfarm.commander.incidents.view import acting_limits
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.server.incidents import Incidents

__all__ = ["noun"]


def noun(incidents: Incidents, rigs: Rigs, templates: Environment) -> Noun:
    """Its door. The overview has one line about them."""
    templates.globals["acting_limits"] = lambda: acting_limits(incidents, rigs.rigs.get)
    return Noun(
        routes=[*page_routes, *api_routes],
        live_pages=lambda routes: register_live_pages(routes, templates, incidents, rigs.rigs.get),
    )
