"""The JSON API of rigs: thin handlers over the book's verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE, OPERATE
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.names import clean_name
from rigfarm.commander.numbers import Number
from rigfarm.commander.refusals import Invalid, expect_revision
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.asked import Filter
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.rigs.listing.query import MAX_MOMENT, IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Relabel, Rig
from rigfarm.commander.rigs.past.machine import TimeMachine
from rigfarm.commander.rigs.view import answers
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.selection import MAX_RIGS, RigSelection
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, answer_page, one_page, page_of

__all__ = ["api_routes"]

At: TypeAlias = Annotated[
    str,
    QueryParameter(
        max_length=MAX_MOMENT,
        description="As it was then: `-24h` (s, m, h, d, w, y), UTC milliseconds, or an ISO 8601 time.",
        examples=[Example(summary="An hour ago", value="-1h")],
    ),
]


class NewRig(Struct, forbid_unknown_fields=True):
    """What a new rig needs."""

    name: str
    kind: KindName


class NewRigs(Struct, forbid_unknown_fields=True):
    """Several rigs of one kind."""

    names: Annotated[list[str], Meta(min_length=1, max_length=5000)]
    kind: KindName


class RigChange(Struct, forbid_unknown_fields=True):
    """What can be changed of a rig; what is left out stays."""

    name: str | UnsetType = UNSET
    place: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    """Instead of those that it has"""


class OneOfManyChanges(RigChange, kw_only=True, forbid_unknown_fields=True):
    """What changes of one of several rigs; what is left out stays."""

    id: Number
    revision: int | UnsetType = UNSET
    """Refuse if someone else has changed it since"""


class RigChanges(Struct, forbid_unknown_fields=True):
    """Several rigs, each with changes of its own."""

    rigs: Annotated[list[OneOfManyChanges], Meta(min_length=1, max_length=MAX_RIGS)]


class NewMaintenance(Struct, forbid_unknown_fields=True):
    """Why, and until when: both may be left out."""

    reason: str = ""
    until: datetime | None = None


class MaintainRigs(RigSelection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several rigs: by `rigs`, or by a `filter` over a `kind`."""

    kind: KindName = "cpu-gpu"
    reason: str = ""
    until: datetime | None = None


class EndMaintenance(RigSelection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several rigs: by `rigs`, or by a `filter` over a `kind`."""

    kind: KindName = "cpu-gpu"


class LabelRigs(EndMaintenance, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several rigs: by `rigs`, or by a `filter` over a `kind`."""

    place: str | UnsetType = UNSET
    """Where they are from now on; left out: where they are"""
    add_tags: tuple[str, ...] = ()
    drop_tags: tuple[str, ...] = ()
    """`["*"]`: all"""


class RemoveRigs(EndMaintenance, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several rigs: by `rigs`, or by a `filter` over a `kind`."""

    keep_history: bool = False
    """Their history stays, and is listed as kept"""


class RemovedRigs(Struct):
    """The rigs that were removed."""

    rigs: list[int]


@post("/rigs", opt=CONFIGURE, status_code=201, summary="Add a rig")
async def create_rig(data: JSONBody[NewRig], book: NamedDependency[Rigs]) -> answers.CreatedRig:
    """The response contains the rig's token, which is shown only once."""
    rig, token = await book.create(data.name, data.kind)
    return answers.CreatedRig(rig.id, rig.name, rig.kind, token)


@post("/rigs/many", opt=CONFIGURE, status_code=201, summary="Add many rigs, all or none")
async def create_rigs(data: JSONBody[NewRigs], book: NamedDependency[Rigs]) -> list[answers.CreatedRig]:
    """The response contains the rigs' tokens, which are shown only once."""
    made = await book.create_many(data.names, data.kind)
    return [answers.CreatedRig(rig.id, rig.name, rig.kind, token) for rig, token in made]


@get("/rigs", summary="List rigs")
async def list_rigs(
    request: Request[Any, Any, Any],
    shown: NamedDependency[Shown],
    time_machine: NamedDependency[TimeMachine],
    kind: Annotated[KindName | None, QueryParameter(description="Only rigs of this kind.")] = None,
    search: Filter = "",
    q: Annotated[str, QueryParameter(description="The same as `filter`; of both, both hold.")] = "",
    condition: Annotated[
        str, QueryParameter(name="state", description="A state word, `attention` or `maintenance`.")
    ] = "",
    coin: FromQuery[str] = "",
    sort: Annotated[str, QueryParameter(description="A column of the index; with a leading `-`, descending.")] = "name",
    at: At = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[answers.RigAnswer]]:
    """The rigs that match, waiting ones included. With `at`, those of that time, as history knows them."""
    parse(search)
    asked = {"q": f"{search} {q}", "state": condition, "coin": coin, "sort": sort}
    queries = [IndexQuery.parse(one, asked) for one in ((kind,) if kind else KINDS)]
    if not at:
        for query in queries:
            await shown.rig_list.prepare(query)
        found = [rig_id for query in queries for rig_id in shown.rig_list.with_waiting(query)]
        return one_page(request, found, limit, after, key=int, answer=lambda rig_id: _rig_answer(shown, rig_id))
    then = await time_machine.at(at, brief=True)
    some, cursor = page_of(await time_machine.found(then, queries), limit, after, int)
    await time_machine.know(then, some)
    rows = [_rig_answer(then.shown, rig_id, then.answer) for rig_id in some]
    return answer_page(request, rows, cursor, at=then.at)


@get("/rigs/{rig_id:int}", summary="One rig with its latest log, specs and state")
async def get_rig(
    rig_id: FromPath[int], shown: NamedDependency[Shown], time_machine: NamedDependency[TimeMachine], at: At = ""
) -> answers.RigDetail:
    """The latest operational log, the rig's specs and state; for an ASIC also its chips, if it reports them. With `at`,
    all of that time but the chips, as history knows it."""
    if at:
        then = await time_machine.at(at, rig_id)
        return answers.rig_detail(then.book.get(rig_id), then.shown.stats.rigs[rig_id], past=then.answer)
    return answers.rig_detail(shown.book.get(rig_id), shown.stats.rigs[rig_id], shown.chips.get(rig_id))


@patch("/rigs/{rig_id:int}", opt=CONFIGURE | IF_MATCH, summary="Rename a rig, or change its place or tags")
async def change_rig(
    rig_id: FromPath[int],
    data: JSONBody[RigChange],
    book: NamedDependency[Rigs],
    stats: NamedDependency[OperationalStats],
) -> answers.RigDetail:
    """Names are unique, and case is ignored. A place is levels between slashes, such as `hall-2/rack-3`."""
    rig = book.get(rig_id)
    changes = _relabel(data)
    if data.name is UNSET:
        await book.relabel([rig_id], changes)
    elif changes == Relabel():
        await book.rename(rig_id, data.name)
    else:  # all of it, or nothing
        await book.edit([(rig, clean_name(data.name, "A rig", "rig-01"), changes)])
    return answers.rig_detail(book.get(rig_id), stats.rigs[rig_id])


@patch("/rigs", opt=CONFIGURE, summary="Change the names, places and tags of many rigs, all or none")
async def change_rigs(
    data: JSONBody[RigChanges], book: NamedDependency[Rigs], stats: NamedDependency[OperationalStats]
) -> list[answers.RigAnswer]:
    """Each with values of its own, as a spreadsheet does on the page."""
    wanted: dict[int, tuple[Rig, str, Relabel]] = {}
    for one in data.rigs:
        rig = book.get(one.id)
        if one.id in wanted:
            raise Invalid(f"{rig.name} is there twice.", field="rigs")
        expect_revision(None if one.revision is UNSET else one.revision, rig.revision, rig.name)
        wanted[one.id] = (
            rig,
            rig.name if one.name is UNSET else clean_name(one.name, "A rig", rig.name),
            _relabel(one),
        )
    await book.edit(list(wanted.values()))
    return [answers.rig_answer(book.get(rig_id), stats.rigs[rig_id]) for rig_id in wanted]


@delete("/rigs/{rig_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a rig")
async def remove_rig(
    rig_id: FromPath[int],
    book: NamedDependency[Rigs],
    keep_history: Annotated[
        bool, QueryParameter(description="Its history stays, and is listed as a kept one.")
    ] = False,
) -> None:
    """Its Sentry stops what it mines, removes playbooks and mining software, and forgets the token; at once, or when it
    next connects."""
    await book.remove(rig_id, keep_history=keep_history)


@post("/rigs/labels", opt=CONFIGURE, status_code=200, summary="Change the place or the tags of many rigs, all or none")
async def label_rigs(
    data: JSONBody[LabelRigs],
    book: NamedDependency[Rigs],
    rig_list: NamedDependency[RigList],
    stats: NamedDependency[OperationalStats],
) -> list[answers.RigAnswer]:
    """Those of `rigs` that no longer exist are passed over, and not in the answer."""
    changes = Relabel(place=None if data.place is UNSET else data.place, add=data.add_tags, drop=data.drop_tags)
    changed = await book.relabel(data.ids(rig_list, data.kind), changes)
    return [answers.rig_answer(book.get(rig.id), stats.rigs[rig.id]) for rig in changed]


@post("/rigs/remove", opt=CONFIGURE, status_code=200, summary="Remove many rigs, all or none")
async def remove_rigs(
    data: JSONBody[RemoveRigs], book: NamedDependency[Rigs], rig_list: NamedDependency[RigList]
) -> RemovedRigs:
    """Each as if it were removed alone. Those of `rigs` that no longer exist are passed over, and not in the answer."""
    removed = await book.remove_many(data.ids(rig_list, data.kind), keep_history=data.keep_history)
    return RemovedRigs([rig.id for rig in removed])


@post("/rigs/{rig_id:int}/token", opt=CONFIGURE, status_code=201, summary="Give a rig a new token")
async def rotate_token(rig_id: FromPath[int], book: NamedDependency[Rigs]) -> answers.CreatedRig:
    """The old token is refused from now on; mining continues. The new one is shown only once."""
    rig, token = await book.rotate_token(rig_id)
    return answers.CreatedRig(rig.id, rig.name, rig.kind, token)


@put("/rigs/{rig_id:int}/maintenance", opt=OPERATE, summary="Put a rig into maintenance")
async def start_maintenance(
    rig_id: FromPath[int],
    data: JSONBody[NewMaintenance],
    book: NamedDependency[Rigs],
    stats: NamedDependency[OperationalStats],
) -> answers.RigDetail:
    """It needs no attention and no alert is sent about it, whatever its state, until `until` or until you end it. For a
    rig that is in maintenance, reason and end are replaced."""
    rig = book.get(rig_id)
    await book.maintenance.start([rig.id], data.reason, _ms(data.until))
    return answers.rig_detail(book.get(rig_id), stats.rigs[rig_id])


@delete("/rigs/{rig_id:int}/maintenance", opt=OPERATE, summary="End the maintenance of a rig")
async def end_maintenance(rig_id: FromPath[int], book: NamedDependency[Rigs]) -> None:
    """Nothing changes for a rig that is not in maintenance."""
    await book.maintenance.end([book.get(rig_id).id])


@post("/rigs/maintenance", opt=OPERATE, status_code=200, summary="Put many rigs into maintenance")
async def start_maintenance_of_many(
    data: JSONBody[MaintainRigs],
    book: NamedDependency[Rigs],
    rig_list: NamedDependency[RigList],
    stats: NamedDependency[OperationalStats],
) -> list[answers.RigAnswer]:
    """The response lists those that exist."""
    rigs = await book.maintenance.start(data.ids(rig_list, data.kind), data.reason, _ms(data.until))
    return [answers.rig_answer(rig, stats.rigs[rig.id]) for rig in rigs]


@post("/rigs/maintenance/end", opt=OPERATE, status_code=200, summary="End the maintenance of many rigs")
async def end_maintenance_of_many(
    data: JSONBody[EndMaintenance],
    book: NamedDependency[Rigs],
    rig_list: NamedDependency[RigList],
    stats: NamedDependency[OperationalStats],
) -> list[answers.RigAnswer]:
    """The response lists those that were in maintenance."""
    rigs = await book.maintenance.end(data.ids(rig_list, data.kind))
    return [answers.rig_answer(rig, stats.rigs[rig.id]) for rig in rigs]


@get("/stats", summary="Totals of the farm")
async def get_stats(stats: NamedDependency[OperationalStats]) -> answers.FarmAnswer:
    """Totals of both kinds, by coin, over the rigs that are up."""
    return answers.farm(stats)


api_routes = Router(
    "/api",
    route_handlers=[
        create_rig,
        create_rigs,
        list_rigs,
        get_rig,
        change_rig,
        change_rigs,
        label_rigs,
        remove_rig,
        remove_rigs,
        rotate_token,
        start_maintenance,
        end_maintenance,
        start_maintenance_of_many,
        end_maintenance_of_many,
        get_stats,
    ],
    tags=["rigs"],
)


def _rig_answer(shown: Shown, rig_id: int, past: answers.PastAnswer | UnsetType = UNSET) -> answers.RigAnswer:
    return answers.rig_answer(shown.book.get(rig_id), shown.stats.rigs[rig_id], past)


def _relabel(change: RigChange) -> Relabel:
    """Tags are replaced."""
    tags = None if change.tags is UNSET else tuple(change.tags)
    return Relabel(
        place=None if change.place is UNSET else change.place, add=tags or (), drop=() if tags is None else ("*",)
    ).checked()


def _ms(moment: datetime | None) -> int | None:
    """UTC ms; a moment without a zone is UTC."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
