"""Sentries updated from here: the first rigs, then the others in waves; it stops by itself when it fails on a rig."""

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.updates.actions import SentryUpdates
from rigfarm.commander.updates.api import api_routes
from rigfarm.commander.updates.live import register_live_pages
from rigfarm.commander.updates.pages import page_routes

__all__ = ["SentryUpdates", "noun"]


def noun(updates: SentryUpdates, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"updates": updates},
        live_pages=lambda routes: register_live_pages(routes, templates, updates),
        work=[Work("Sentry updates", updates.run, DATABASE_S)],
        load=updates.load,
    )
