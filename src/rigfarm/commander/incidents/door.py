"""The door of this noun. Apart from the register itself, which almost every part imports."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.incidents.pages import incident_routes, show_incidents
from rigfarm.commander.incidents.register import Incidents
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.book import RigBook

__all__ = ["noun"]


def noun(incidents: Incidents, rigs: RigBook, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=incident_routes,
        live_pages=lambda routes: show_incidents(incidents, routes, templates, rigs.rigs.get),
    )
