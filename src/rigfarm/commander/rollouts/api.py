"""The JSON API of roll-outs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType, field

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import OPERATE
from rigfarm.commander.numbers import MAX_NUMBER, Number
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rollouts.actions import Rollouts
from rigfarm.commander.rollouts.model import Before, Rollout, RolloutForm, RolloutState
from rigfarm.commander.selection import RigSelection
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, sifted

__all__ = ["api_routes"]


class BeginRollout(RigSelection, frozen=True, forbid_unknown_fields=True):
    """Which rigs, in stages."""

    revision: Number | None = None
    rollout: RolloutForm = field(default_factory=RolloutForm)


class Abort(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to restore what the first rigs had before."""

    put_back: bool = False


class RolloutAnswer(Struct, omit_defaults=True):
    """A roll-out and how far it is."""

    id: int
    playbook_id: int
    revision: int
    state: RolloutState
    detail: str
    first: list[int]
    rest: list[int]
    watch_s: float
    watched_s: float
    before: dict[int, dict[str, Before]]
    """How the first rigs performed before: rig -> coin."""
    now: dict[int, dict[str, Before]]
    """And since."""
    created_at: datetime
    finished_at: datetime | UnsetType = UNSET


@post("/playbooks/{playbook_id:int}/rollouts", opt=OPERATE, status_code=201, summary="Roll it out in stages")
async def begin_rollout(
    playbook_id: FromPath[int],
    data: JSONBody[BeginRollout],
    rollouts: NamedDependency[Rollouts],
    rig_list: NamedDependency[RigList],
) -> RolloutAnswer:
    """The first rigs get it and are watched; then the rest, unless the first do worse than before."""
    ids = data.ids(rig_list)
    return _answer(await rollouts.begin(playbook_id, ids, data.rollout, data.revision))


@get("/rollouts", summary="The latest roll-outs")
async def list_rollouts(
    request: Request[Any, Any, Any],
    rollouts: NamedDependency[Rollouts],
    of_rigs: NamedDependency[OfRigs],
    playbook: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER)] = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[RolloutAnswer]]:
    """Newest first; of all playbooks, or of one."""
    found = await sifted(
        lambda before, most: rollouts.listed(playbook, before, most), after, limit,
        fits=lambda one: of_rigs.has(*one.plan.first, *one.plan.rest), cursor=lambda one: one.id,
    )  # fmt: skip
    return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=_answer)


@get("/rollouts/{rollout_id:int}", summary="One roll-out")
async def get_rollout(rollout_id: FromPath[int], rollouts: NamedDependency[Rollouts]) -> RolloutAnswer:
    """Its state, and how the first rigs performed before and since."""
    return _answer(await rollouts.get(rollout_id))


@post("/rollouts/{rollout_id:int}/abort", opt=OPERATE, status_code=200, summary="Abort a roll-out")
async def abort_rollout(
    rollout_id: FromPath[int], data: JSONBody[Abort], rollouts: NamedDependency[Rollouts]
) -> RolloutAnswer:
    """The remaining rigs keep what they have."""
    return _answer(await rollouts.abort(rollout_id, put_back=data.put_back))


api_routes = Router(
    "/api", route_handlers=[begin_rollout, list_rollouts, get_rollout, abort_rollout], tags=["playbooks"]
)


def _answer(rollout: Rollout) -> RolloutAnswer:
    return RolloutAnswer(
        id=rollout.id,
        playbook_id=rollout.playbook_id,
        revision=rollout.plan.revision,
        state=rollout.state,
        detail=rollout.detail,
        first=rollout.plan.first,
        rest=rollout.plan.rest,
        watch_s=rollout.plan.watch_s,
        watched_s=rollout.progress.watched_s,
        before=rollout.plan.before,
        now={
            rig_id: {coin: Before(seen.hashrate, seen.rejects) for coin, seen in coins.items()}
            for rig_id, coins in rollout.progress.seen.items()
        },
        created_at=datetime.fromtimestamp(rollout.created_at / 1000, UTC),
        finished_at=UNSET if rollout.finished_at is None else datetime.fromtimestamp(rollout.finished_at / 1000, UTC),
    )
