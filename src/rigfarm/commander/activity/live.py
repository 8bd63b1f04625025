"""What keeps the open page of the activity fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.activity.actions import Activity
from rigfarm.commander.activity.broadcasts import ACTIVITY
from rigfarm.commander.activity.view import Links, activity_page
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, activity: Activity, links: Links) -> None:
    """One page."""
    rows = templates.get_template("activity_list.html")

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            return {"activity": rows.render(page=await activity_page(activity, links, params))}

        return RegionPage([ACTIVITY], regions)

    routes.add(r"/activity", page)
