"""What keeps the open list of rules fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.placing.actions import PlacingRules
from rigfarm.commander.placing.broadcasts import CHANNEL
from rigfarm.commander.placing.view import listing
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, rules: PlacingRules) -> None:
    """The list."""

    def page(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            return {"placing-rules": templates.get_template("placing_list.html").render(**listing(rules))}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/places/rules", page)
