"""What keeps the open page of webhooks fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.web.region_page import RegionPage
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.broadcasts import CHANNEL
from rigfarm.commander.webhooks.view import listing

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, webhooks: Webhooks) -> None:
    """The list."""

    def index(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = await listing(webhooks)
            return {"webhooks": templates.get_template("webhook_list.html").render(**context)}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/settings/webhooks", index)
