"""What keeps the open page of an update fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.refusals import Absent
from rigfarm.commander.updates.actions import SentryUpdates
from rigfarm.commander.updates.broadcasts import channel
from rigfarm.commander.updates.view import update_view
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, updates: SentryUpdates) -> None:
    """One update."""
    body = templates.get_template("update_body.html")

    def page(groups: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        update_id = int(groups["id"])

        async def regions() -> dict[str, str]:
            try:
                view = update_view(await updates.get(update_id), updates.rigs)
            except Absent:
                raise GoneError("/rigs", "This update is no longer stored.") from None
            return {"update": body.render(update=view)}

        return RegionPage([channel(update_id)], regions, pause_s=1.0)

    routes.add(r"/sentry-updates/(?P<id>\d{1,9})", page)
