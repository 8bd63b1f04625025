"""What keeps the open list fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.addresses.actions import AddressBook
from rigfarm.commander.addresses.broadcasts import CHANNEL
from rigfarm.commander.addresses.view import Query, listing
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, book: AddressBook) -> None:
    """The list."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        query = Query.parse(params)

        async def regions() -> dict[str, str]:
            return {"addresses": templates.get_template("address_list.html").render(**listing(book, query))}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/addresses", page)
