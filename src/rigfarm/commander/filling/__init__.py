"""A rack filled by blinking: one ASIC after the other blinks, and a person taps the slot where it stands."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.commands import Commands
from rigfarm.commander.events import Events
from rigfarm.commander.filling.actions import Fillings
from rigfarm.commander.filling.live import register_live_pages
from rigfarm.commander.filling.pages import page_routes
from rigfarm.commander.filling.view import FillViews
from rigfarm.commander.live import Hub
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs import RigList, Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = ["noun"]


def noun(
    book: Rigs,
    stats: OperationalStats,
    rig_list: RigList,
    commands: Commands,
    change_log: ChangeLog,
    hub: Hub,
    events: Events,
    templates: Environment,
) -> Noun:
    """Its door."""
    fillings = Fillings(book, stats, commands, change_log, hub, events)
    views = FillViews(fillings, book, stats, rig_list, commands)
    return Noun(
        routes=page_routes,
        parts={"fillings": fillings, "fill_views": views},
        live_pages=lambda routes: register_live_pages(routes, views, templates),
        work=[Work("blinking ASICs", fillings.run, DATABASE_S)],
    )
