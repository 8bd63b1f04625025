"""What keeps the open page of effects fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.effects.actions import Effects
from rigfarm.commander.effects.broadcasts import EFFECTS
from rigfarm.commander.effects.view import table
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.web.region_page import RegionPage

__all__ = ["register_live_pages"]

PAUSE_S = 2.0


def register_live_pages(routes: PageRoutes, templates: Environment, effects: Effects) -> None:
    """The table."""

    def page(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            lines = table(await effects.tallies())
            return {"effects": templates.get_template("effects_table.html").render(lines=lines)}

        return RegionPage([EFFECTS], regions, pause_s=PAUSE_S)

    routes.add(r"/commands/effects", page)
