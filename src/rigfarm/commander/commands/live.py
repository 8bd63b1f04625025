"""What keeps the open page of results fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.commands.actions import Commands
from rigfarm.commander.commands.broadcasts import batch_channel
from rigfarm.commander.commands.view import results_of
from rigfarm.commander.effects.broadcasts import batch_channel as effects_of_batch
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, commands: Commands, book: Rigs) -> None:
    """Results."""

    def page(groups: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        batch = groups["batch"]

        async def regions() -> dict[str, str]:
            try:
                context = await results_of(batch, commands, book)
            except Absent:
                raise GoneError("/rigs", "These commands are no longer stored.") from None
            return {"results": templates.get_template("command_list.html").render(**context)}

        return RegionPage([batch_channel(batch), effects_of_batch(batch)], regions, pause_s=1.0)

    routes.add(r"/commands/(?P<batch>[0-9a-f]{32})", page)
