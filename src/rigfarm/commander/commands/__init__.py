"""Commands to rigs: sent once, each with its own visible result."""

from collections.abc import Sequence

from jinja2 import Environment

from rigfarm import units
from rigfarm.commander.commands.actions import Commands
from rigfarm.commander.commands.api import api_routes
from rigfarm.commander.commands.live import register_live_pages
from rigfarm.commander.commands.model import GivenCommand
from rigfarm.commander.commands.pages import page_routes
from rigfarm.commander.commands.view import how_it_ended
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.wire.frames import CommandResult

__all__ = ["Commands", "GivenCommand", "noun"]


def noun(book: Commands, rigs: Rigs, templates: Environment) -> Noun:
    """Its door."""

    def removal_effect(rig_ids: Sequence[int]) -> str:
        waiting = sum(len(book.open_of(rig_id)) for rig_id in rig_ids)
        what = units.counted(waiting, "command")
        return f"{what} without a result will never have one." if waiting else ""

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"commands": book},
        live_pages=lambda routes: register_live_pages(routes, templates, book, rigs),
        link_handlers={CommandResult: book.result},
        source=book,
        removal_effect=removal_effect,
        notice=how_it_ended,
        work=[Work("commands", book.run, DATABASE_S)],
        load=book.load,
        close=book.close,
    )
