"""Rules that place rigs: by the address or the name of a rig, they say where it belongs."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.placing.actions import PlacingRules
from rigfarm.commander.placing.api import api_routes
from rigfarm.commander.placing.automatic.placer import Placer
from rigfarm.commander.placing.live import register_live_pages
from rigfarm.commander.placing.pages import page_routes
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = ["Placer", "PlacingRules", "noun"]


def noun(rules: PlacingRules, placer: Placer, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"placing_rules": rules},
        live_pages=lambda routes: register_live_pages(routes, templates, rules),
        work=[Work("placing rules", placer.run, DATABASE_S)],
        load=rules.load,
    )
