"""What keeps the open page of a roll-out fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.playbooks.broadcasts import playbook_channel
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rollouts.actions import Rollouts
from rigfarm.commander.rollouts.view import rollout_view
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(
    routes: PageRoutes, templates: Environment, assignments: Assignments, rollouts: Rollouts
) -> None:
    """One roll-out."""
    body = templates.get_template("rollout_body.html")

    def rollout(groups: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        rollout_id, playbook_id = int(groups["id"]), int(groups["playbook"])

        async def regions() -> dict[str, str]:
            try:
                view = rollout_view(await rollouts.get(rollout_id), assignments)
            except Absent:
                raise GoneError("/playbooks", "This roll-out was removed with its playbook.") from None
            return {"rollout": body.render(rollout=view)}

        return RegionPage([playbook_channel(playbook_id)], regions)

    routes.add(r"/playbooks/(?P<playbook>\d{1,9})/rollouts/(?P<id>\d{1,9})", rollout)
