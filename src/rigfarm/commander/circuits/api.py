"""The JSON API of circuits."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE, READ
from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.draw.forecast import Forecast, Level, forecast
from rigfarm.commander.circuits.model import Circuit, CircuitForm
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.selection import RigSelection
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page
from rigfarm.common.clock import moment

__all__ = ["ForecastAnswer", "api_routes", "forecast_answers"]


class NewCircuit(CircuitForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`limit_w` in W, `continuous` as a ratio. Rigs in one of `places`, or below it, belong to the circuit."""


if TYPE_CHECKING:

    class CircuitChange(Changes):
        """See below: made of the fields of CircuitForm."""

        revision: int | UnsetType = UNSET

else:
    CircuitChange = changes_of(
        "CircuitChange",
        CircuitForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


class CircuitAnswer(CircuitForm, frozen=True, kw_only=True):
    """A circuit and what it draws. Unknown power is not zero: with `unknown_rigs` it draws more than `power_w`."""

    id: int
    revision: int
    created_at: datetime
    updated_at: datetime
    rigs: int
    unknown_rigs: int
    """Rigs whose power is unknown."""
    power_w: float | UnsetType = UNSET
    """Of the other rigs. Absent when no rig's power is known."""
    share: float | UnsetType = UNSET
    """`power_w` of `limit_w`, a ratio."""


class Starting(RigSelection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rigs that would start to mine: by `rigs`, or by a `filter` over a `kind`."""

    kind: KindName = "cpu-gpu"


class ForecastAnswer(Struct):
    """What a circuit would draw."""

    circuit_id: int
    name: str
    limit_w: float
    power_w: float
    """Now, at least."""
    then_w: float
    """Once these rigs mine, at least."""
    unknown_rigs: int
    """Of which it is unknown what they will draw."""
    level: Level
    """`over-limit`, `over-continuous` (more than may be drawn for hours), `unknown` (it is unknown what some of these
    rigs will draw), or `fine`."""
    detail: str
    """The same in words; empty when it is fine."""


@get("", summary="List circuits")
async def list_circuits(
    request: Request[Any, Any, Any],
    circuits: NamedDependency[Circuits],
    of_rigs: NamedDependency[OfRigs],
    q: FromQuery[str] = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[CircuitAnswer]]:
    """All of them, or those with these words in their name, places or notes, or that feed rigs of the filter."""
    found = circuits.listed(q)
    if of_rigs.ids is not None:
        feeding = {one.id for rig_id in of_rigs.ids if (one := circuits.draws.feeding(rig_id)) is not None}
        found = [one for one in found if one.id in feeding]
    return one_page(request, found, limit, after, key=lambda one: one.id, answer=lambda one: _answer(one, circuits))


@post("", opt=CONFIGURE, status_code=201, summary="Add a circuit")
async def create_circuit(data: JSONBody[NewCircuit], circuits: NamedDependency[Circuits]) -> CircuitAnswer:
    """A place belongs to one circuit at most; if places are nested, the smallest one counts."""
    return _answer(await circuits.create(CircuitForm(**asdict(data))), circuits)


@get("/{circuit_id:int}", summary="One circuit, and what it draws")
async def get_circuit(circuit_id: FromPath[int], circuits: NamedDependency[Circuits]) -> CircuitAnswer:
    """What it draws is at most a few seconds old."""
    return _answer(circuits.get(circuit_id), circuits)


@patch("/{circuit_id:int}", opt=CONFIGURE, summary="Change a circuit")
async def change_circuit(
    circuit_id: FromPath[int], data: JSONBody[CircuitChange], circuits: NamedDependency[Circuits]
) -> CircuitAnswer:
    """Its name, limit, places or notes."""
    one = circuits.get(circuit_id)
    revision = one.revision if data.revision is UNSET else data.revision
    return _answer(await circuits.change(circuit_id, data.over(one.form), revision), circuits)


@delete("/{circuit_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a circuit")
async def remove_circuit(circuit_id: FromPath[int], circuits: NamedDependency[Circuits]) -> None:
    """Rigs are not affected."""
    await circuits.remove(circuit_id)


@post("/forecast", opt=READ, status_code=200, summary="Preview what circuits would draw")
async def forecast_circuits(
    data: JSONBody[Starting], circuits: NamedDependency[Circuits], rig_list: NamedDependency[RigList]
) -> list[ForecastAnswer]:
    """If these rigs started to mine: what their circuits draw now, and what those of them that don't mine drew when
    they last did. The worst first. Changes nothing."""
    return forecast_answers(forecast(circuits, data.ids(rig_list, data.kind)))


api_routes = Router(
    "/api/circuits",
    route_handlers=[list_circuits, create_circuit, get_circuit, change_circuit, remove_circuit, forecast_circuits],
    tags=["circuits"],
)


def forecast_answers(found: list[Forecast]) -> list[ForecastAnswer]:
    """For the API."""
    return [
        ForecastAnswer(
            one.circuit.id,
            one.circuit.name,
            one.circuit.limit_w,
            one.now_w,
            one.then_w,
            one.unknown,
            one.level,
            one.words,
        )
        for one in found
    ]


def _answer(circuit: Circuit, circuits: Circuits) -> CircuitAnswer:
    draw = circuits.draws.of(circuit.id)
    watts = draw.known_w
    return CircuitAnswer(
        **asdict(circuit.form),
        id=circuit.id,
        revision=circuit.revision,
        created_at=moment(circuit.created_at),
        updated_at=moment(circuit.updated_at),
        rigs=draw.rigs,
        unknown_rigs=draw.unknown,
        power_w=UNSET if watts is None else watts,
        share=UNSET if watts is None else watts / circuit.limit_w,
    )
