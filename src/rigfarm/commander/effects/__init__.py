"""Effects: whether commands and playbooks did to rigs what they should, read back from telemetry."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.effects.actions import Effects, Followed
from rigfarm.commander.effects.judges import compared
from rigfarm.commander.effects.live import register_live_pages
from rigfarm.commander.effects.model import Before, Mined, Runs, Verdict, Watch
from rigfarm.commander.effects.pages import page_routes
from rigfarm.commander.effects.view import notice_of
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = ["Before", "Effects", "Followed", "Mined", "Runs", "Verdict", "Watch", "compared", "noun"]


def noun(effects: Effects, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=page_routes,
        parts={"effects": effects},
        live_pages=lambda routes: register_live_pages(routes, templates, effects),
        notice=notice_of,
        work=[Work("effects of commands", effects.run, DATABASE_S)],
        load=effects.load,
    )
