"""What keeps the open page of limits fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.channels import INCIDENTS
from rigfarm.commander.incidents.view import FindRig, listing
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, incidents: Incidents, find_rig: FindRig) -> None:
    """One page."""

    def page(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = listing(incidents, find_rig)
            return {"limits": templates.get_template("limits_list.html").render(**context)}

        return RegionPage([INCIDENTS], regions)

    routes.add(r"/settings/limits", page)
