"""A rig found by the sticker on it, with a phone's camera or a hand scanner, and put where one stands."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.commands import Commands
from rigfarm.commander.events import Events
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.scan.api import api_routes
from rigfarm.commander.scan.live import register_live_pages
from rigfarm.commander.scan.pages import page_routes
from rigfarm.commander.scan.store import CodeIndex
from rigfarm.commander.scan.view import Scans
from rigfarm.commander.stats import OperationalStats

__all__ = ["noun"]


def noun(
    book: Rigs, stats: OperationalStats, rig_list: RigList, commands: Commands, events: Events, templates: Environment
) -> Noun:
    """Its door."""
    index = CodeIndex(book, events)
    scans = Scans(book, stats, rig_list, commands, index)
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"code_index": index, "scans": scans},
        live_pages=lambda routes: register_live_pages(routes, scans, templates),
        load=index.load,
    )
