"""What keeps open pages of circuits fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.broadcasts import CHANNEL
from rigfarm.commander.circuits.view import asked_words, circuit_page, listing
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.refusals import Absent
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, templates: Environment, circuits: Circuits) -> None:
    """The list, and the page of one."""

    def index(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        words = asked_words(params)

        async def regions() -> dict[str, str]:
            return {"circuits": templates.get_template("circuit_list.html").render(**listing(circuits, words))}

        return RegionPage([CHANNEL], regions)

    def one(found: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        circuit_id = int(found["id"])

        async def regions() -> dict[str, str]:
            try:
                context = circuit_page(circuits, circuit_id)
            except Absent:
                raise GoneError("/circuits", "The circuit was removed.") from None
            return {"circuit": templates.get_template("circuit_body.html").render(**context)}

        return RegionPage([CHANNEL], regions, name=lambda: name_of(circuit_id))

    def name_of(circuit_id: int) -> str:
        circuit = circuits.circuits.get(circuit_id)
        return "" if circuit is None else circuit.name

    routes.add(r"/circuits", index)
    routes.add(r"/circuits/(?P<id>\d{1,9})", one)
