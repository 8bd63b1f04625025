"""Orders to rigs: sent once, each with its own visible result."""

from collections.abc import Sequence

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.orders.api import api_routes
from rigfarm.commander.orders.book import OrderBook
from rigfarm.commander.orders.model import RigOrder
from rigfarm.commander.orders.notices import how_it_ended
from rigfarm.commander.orders.pages import page_routes, register_live_pages
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.wire.frames import CommandResult

__all__ = ["OrderBook", "RigOrder", "noun"]


def noun(book: OrderBook, rigs: RigBook, templates: Environment) -> Noun:
    """Its door."""

    def removal_effect(rig_ids: Sequence[int]) -> str:
        waiting = sum(len(book.open_of(rig_id)) for rig_id in rig_ids)
        what = "1 order" if waiting == 1 else f"{waiting:,} orders"
        return f"{what} without a result will never have one." if waiting else ""

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"orders": book},
        live_pages=lambda routes: register_live_pages(routes, templates, book, rigs),
        link_handlers={CommandResult: book.result},
        source=book,
        removal_effect=removal_effect,
        notice=how_it_ended,
        work=[Work("orders", book.run, DATABASE_S)],
        load=book.load,
        close=book.close,
    )
