"""The JSON API of updates of Sentries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType, field

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.selection import RigSelection
from rigfarm.commander.updates.actions import SentryUpdates
from rigfarm.commander.updates.model import OnRigState, SentryUpdate, UpdateForm, UpdateState
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, sifted
from rigfarm.common.clock import moment

__all__ = ["api_routes"]


class BeginUpdate(RigSelection, frozen=True, forbid_unknown_fields=True):
    """Which rigs, in stages."""

    kind: KindName = "cpu-gpu"
    update: UpdateForm = field(default_factory=UpdateForm)


class OnRigAnswer(Struct):
    """How it goes on one rig."""

    state: OnRigState
    """waiting, sent, updated, failed, refused (it cannot be updated), not-sent (it was away, or the update ended)."""
    detail: str


class UpdateAnswer(Struct, omit_defaults=True):
    """An update of Sentries and how far it is."""

    id: int
    state: UpdateState
    version: str
    detail: str
    waves: list[list[int]]
    rigs: dict[int, OnRigAnswer]
    created_at: datetime
    finished_at: datetime | UnsetType = UNSET


@post("", opt=CONFIGURE, status_code=201, summary="Update Sentries in stages")
async def begin_update(
    data: JSONBody[BeginUpdate], updates: NamedDependency[SentryUpdates], rig_list: NamedDependency[RigList]
) -> UpdateAnswer:
    """To what this Commander hands out. The first rigs are updated; when they report and mine as before, the others
    follow, so many at once. It stops when it fails on a rig. Mining goes on meanwhile."""
    return _answer(await updates.begin(data.ids(rig_list, data.kind), data.update))


@get("", summary="The latest Sentry updates")
async def list_updates(
    request: Request[Any, Any, Any],
    updates: NamedDependency[SentryUpdates],
    of_rigs: NamedDependency[OfRigs],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[UpdateAnswer]]:
    """Newest first."""
    found = await sifted(
        updates.listed, after, limit, fits=lambda one: of_rigs.has(*one.rigs), cursor=lambda one: one.id
    )
    return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=_answer)


@get("/{update_id:int}", summary="One Sentry update")
async def get_update(update_id: FromPath[int], updates: NamedDependency[SentryUpdates]) -> UpdateAnswer:
    """Its state, and that of every rig."""
    return _answer(await updates.get(update_id))


@post("/{update_id:int}/abort", opt=CONFIGURE, status_code=200, summary="Abort a Sentry update")
async def abort_update(update_id: FromPath[int], updates: NamedDependency[SentryUpdates]) -> UpdateAnswer:
    """No more rigs are told; those that were told go on."""
    return _answer(await updates.abort(update_id))


api_routes = Router(
    "/api/sentry-updates", route_handlers=[begin_update, list_updates, get_update, abort_update], tags=["rigs"]
)


def _answer(one: SentryUpdate) -> UpdateAnswer:
    return UpdateAnswer(
        id=one.id,
        state=one.state,
        version=one.version,
        detail=one.detail,
        waves=one.plan.waves,
        rigs={rig_id: OnRigAnswer(rig.state, rig.detail) for rig_id, rig in one.rigs.items()},
        created_at=moment(one.created_at),
        finished_at=UNSET if one.finished_at is None else moment(one.finished_at),
    )
