"""The JSON API of rigs: thin handlers over the book's verbs."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.channels import Kind
from rigfarm.commander.rigs import answers
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.query import IndexQuery, RigList
from rigfarm.commander.rigs.shown import Shown
from rigfarm.commander.stats import OperationalStats

__all__ = ["api_routes"]


class NewRig(Struct, forbid_unknown_fields=True):
    """What a new rig needs."""

    name: str
    kind: Kind


class NewRigs(Struct, forbid_unknown_fields=True):
    """Several rigs of one kind."""

    names: Annotated[list[str], Meta(min_length=1, max_length=5000)]
    kind: Kind


class RigChange(Struct, forbid_unknown_fields=True):
    """What can be changed of a rig."""

    name: str


@post("/rigs", opt=CONFIGURE, status_code=201, summary="Add a rig")
async def create_rig(data: JSONBody[NewRig], book: NamedDependency[RigBook]) -> answers.CreatedRig:
    """The answer carries the rig's token: it is shown this once."""
    rig, token = await book.create(data.name, data.kind)
    return answers.CreatedRig(rig.id, rig.name, rig.kind, token)


@post("/rigs/many", opt=CONFIGURE, status_code=201, summary="Add many rigs, all or none")
async def create_rigs(data: JSONBody[NewRigs], book: NamedDependency[RigBook]) -> list[answers.CreatedRig]:
    """The answer carries the rigs' tokens: they are shown this once."""
    made = await book.create_many(data.names, data.kind)
    return [answers.CreatedRig(rig.id, rig.name, rig.kind, token) for rig, token in made]


@get("/rigs", summary="List rigs")
async def list_rigs(
    book: NamedDependency[RigBook],
    stats: NamedDependency[OperationalStats],
    rig_list: NamedDependency[RigList],
    kind: Annotated[Kind | None, QueryParameter(description="Only rigs of this kind.")] = None,
    q: Annotated[str, QueryParameter(description="Words to search for.")] = "",
    condition: Annotated[str, QueryParameter(name="state", description="A state word, or `attention`.")] = "",
    coin: FromQuery[str] = "",
    sort: Annotated[str, QueryParameter(description="A column of the index; `-` in front: descending.")] = "name",
) -> list[answers.RigAnswer]:
    """All rigs that match, waiting ones included."""
    kinds: tuple[Kind, ...] = (kind,) if kind else ("cpu-gpu", "asic")
    found: list[answers.RigAnswer] = []
    for one in kinds:
        query = IndexQuery.parse(one, {"q": q, "state": condition, "coin": coin, "sort": sort})
        ids = rig_list.ordered(query)
        if not query.narrowed:
            listed = set(ids)
            ids = ids + [rig.id for rig in book.of_kind(one) if rig.id not in listed]
        found += [answers.rig_answer(book.get(rig_id), stats.rigs[rig_id]) for rig_id in ids]
    return found


@get("/rigs/{rig_id:int}", summary="One rig with its latest log, specs and state")
async def get_rig(
    rig_id: FromPath[int], book: NamedDependency[RigBook], shown: NamedDependency[Shown]
) -> answers.RigDetail:
    """The latest operational log, what the rig is made of, and how it is; of an ASIC its chips, where it tells."""
    rig = book.get(rig_id)
    return answers.rig_detail(rig, shown.stats.rigs[rig_id], shown.chips.get(rig_id))


@patch("/rigs/{rig_id:int}", opt=CONFIGURE, summary="Rename a rig")
async def change_rig(
    rig_id: FromPath[int],
    data: JSONBody[RigChange],
    book: NamedDependency[RigBook],
    stats: NamedDependency[OperationalStats],
) -> answers.RigDetail:
    """Names are distinct without regard to case."""
    rig = await book.rename(rig_id, data.name)
    return answers.rig_detail(rig, stats.rigs[rig_id])


@delete("/rigs/{rig_id:int}", opt=CONFIGURE, summary="Remove a rig")
async def remove_rig(rig_id: FromPath[int], book: NamedDependency[RigBook]) -> None:
    """Its Sentry stops what it mines, removes playbooks and mining software, and forgets the token; at once, or when
    it next returns."""
    await book.remove(rig_id)


@post("/rigs/{rig_id:int}/token", opt=CONFIGURE, status_code=201, summary="Give a rig a new token")
async def rotate_token(rig_id: FromPath[int], book: NamedDependency[RigBook]) -> answers.CreatedRig:
    """The old token is refused from now on; mining goes on. The new one is shown this once."""
    rig, token = await book.rotate_token(rig_id)
    return answers.CreatedRig(rig.id, rig.name, rig.kind, token)


@get("/stats", summary="Totals of the farm")
async def get_stats(stats: NamedDependency[OperationalStats]) -> answers.FarmAnswer:
    """Totals of both kinds, by coin, over the rigs that are up."""
    return answers.farm(stats)


api_routes = Router(
    "/api",
    route_handlers=[create_rig, create_rigs, list_rigs, get_rig, change_rig, remove_rig, rotate_token, get_stats],
    tags=["rigs"],
)
