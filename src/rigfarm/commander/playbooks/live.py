"""What keeps the open pages of playbooks fresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.playbooks import broadcasts
from rigfarm.commander.playbooks.view import PlaybookViews
from rigfarm.commander.refusals import Absent
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, views: PlaybookViews) -> None:
    """List, and one playbook."""

    def rendered(template: str, context: dict[str, Any]) -> str:
        return templates.get_template(template).render(**context)

    def index(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            return {"playbooks": rendered("playbook_list.html", views.index(params))}

        return RegionPage([broadcasts.INDEX], regions)

    def detail(groups: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        playbook_id = int(groups["id"])

        async def regions() -> dict[str, str]:
            try:
                context = await views.detail(playbook_id, params)
            except Absent:
                raise GoneError("/playbooks", "This playbook was removed.") from None
            parts = {"playbook-head": "playbook_head.html", "playbook-live": "playbook_live.html"}
            return {key: rendered(template, context) for key, template in parts.items()}

        def name() -> str:
            return views.playbooks.get(playbook_id).content.name

        return RegionPage([broadcasts.playbook_channel(playbook_id)], regions, name=name)

    routes.add(r"/playbooks", index)
    routes.add(r"/playbooks/(?P<id>\d{1,9})", detail)
