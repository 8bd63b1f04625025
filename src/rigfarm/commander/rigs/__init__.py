"""Rigs of both kinds."""

from functools import partial

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.api import api_routes
from rigfarm.commander.rigs.boards.chips import Chips
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.live import register_live_pages
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.pages import page_routes
from rigfarm.commander.rigs.past.machine import TimeMachine
from rigfarm.commander.rigs.view.finds import finds
from rigfarm.commander.rigs.view.regions import Regions
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.wire.frames import RigBoards, RigSpecs, RigTrouble

__all__ = ["Chips", "Rig", "RigList", "Rigs", "Shown", "noun"]


def noun(
    book: Rigs, stats: OperationalStats, rig_list: RigList, chips: Chips, shown: Shown, templates: Environment
) -> Noun:
    """Its door."""

    def specs(rig_id: int, frame: RigSpecs) -> None:
        book.said.specs(rig_id, frame.specs)

    def boards(rig_id: int, frame: RigBoards) -> None:
        chips.receive(rig_id, frame.boards)

    def trouble(rig_id: int, frame: RigTrouble) -> None:
        stats.trouble(rig_id, frame.kind, frame.detail)

    def live_pages(routes: PageRoutes) -> None:
        register_live_pages(routes, shown, Regions(templates))

    return Noun(
        routes=[*page_routes, api_routes],
        finds=partial(finds, book, rig_list),
        parts={"book": book, "rig_list": rig_list, "shown": shown, "time_machine": TimeMachine(shown)},
        live_pages=live_pages,
        link_handlers={RigSpecs: specs, RigBoards: boards, RigTrouble: trouble},
        work=[
            Work("rig records", book.said.run, DATABASE_S),
            Work("search", rig_list.run),
            Work("ends of maintenance", book.maintenance.end_planned, DATABASE_S),
        ],
    )
