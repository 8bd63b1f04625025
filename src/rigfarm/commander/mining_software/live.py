"""What keeps the open list fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.asked import short_text
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.mining_software.actions import MiningSoftware
from rigfarm.commander.mining_software.broadcasts import CHANNEL
from rigfarm.commander.mining_software.view import listing
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, book: MiningSoftware) -> None:
    """The list."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        q = short_text(params, "q", 100)

        async def regions() -> dict[str, str]:
            context = listing(book, q)
            return {"software": templates.get_template("software_list.html").render(**context)}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/software", page)
