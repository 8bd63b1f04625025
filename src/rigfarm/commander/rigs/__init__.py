"""Rigs of both kinds."""

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.api import api_routes
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.chips import ChipBook
from rigfarm.commander.rigs.live import register_live_pages
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.pages import page_routes
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.rigs.regions import Regions
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.wire.frames import RigBoards, RigSpecs

__all__ = ["ChipBook", "Rig", "RigBook", "RigList", "Shown", "noun"]


def noun(book: RigBook, rig_list: RigList, chips: ChipBook, shown: Shown, templates: Environment) -> Noun:
    """Its door."""

    def specs(rig_id: int, frame: RigSpecs) -> None:
        book.specs_changed(rig_id, frame.specs)

    def boards(rig_id: int, frame: RigBoards) -> None:
        chips.receive(rig_id, frame.boards)

    def live_pages(routes: PageRoutes) -> None:
        register_live_pages(routes, shown, Regions(templates))

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"book": book, "rig_list": rig_list, "shown": shown},
        live_pages=live_pages,
        link_handlers={RigSpecs: specs, RigBoards: boards},
        work=[Work("rig records", book.run, DATABASE_S)],
    )
