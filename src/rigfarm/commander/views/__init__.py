"""Saved views: a search, filters, a sort and columns of an index under a name, for everyone."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment

from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.noun import Noun
from rigfarm.commander.views.actions import Views
from rigfarm.commander.views.api import api_routes
from rigfarm.commander.views.pages import page_routes
from rigfarm.commander.views.view import tabs

__all__ = ["Views", "noun"]


def noun(views: Views, templates: Environment) -> Noun:
    """Its door."""
    templates.globals["saved_views"] = partial(tabs, views)
    return Noun(
        routes=[*page_routes, api_routes], parts={"views": views}, load=views.load, finds=partial(_named, views)
    )


def _named(views: Views, text: str) -> list[Hit]:
    return matching(text, (Hit(one.name, one.href, "saved view", KINDS[one.kind].title) for one in views.listed()))
