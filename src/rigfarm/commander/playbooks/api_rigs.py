"""The JSON API of what rigs do with playbooks: apply, stop, start, restart, take off, roll out, variables."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct, field

from rigfarm.commander.auth import CONFIGURE, OPERATE, READ
from rigfarm.commander.numbers import MAX_NUMBER, Number
from rigfarm.commander.playbooks.answers import (
    PlanAnswer,
    RigPlaybook,
    RolloutAnswer,
    plan_answer,
    rig_playbook,
    rollout_answer,
)
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.rollouts import RolloutForm, Rollouts
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.selection import RigSelection

__all__ = ["api_rig_routes"]


class Apply(RigSelection, frozen=True, forbid_unknown_fields=True):
    """Which rigs, and which revision (the newest unless said otherwise)."""

    revision: Number | None = None
    keep_stopped: bool = False
    """Where it is stopped it gets the revision, and stays stopped."""


class BeginRollout(RigSelection, frozen=True, forbid_unknown_fields=True):
    """Which rigs, in stages."""

    revision: Number | None = None
    rollout: RolloutForm = field(default_factory=RolloutForm)


class Abort(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the first rigs get back what they had."""

    put_back: bool = False


class Touched(Struct):
    """The rigs that something was done to."""

    rigs: list[int]


@post("/playbooks/{playbook_id:int}/plan", opt=READ, status_code=200, summary="What applying would do")
async def plan(
    playbook_id: FromPath[int],
    data: JSONBody[Apply],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> PlanAnswer:
    """Changes nothing."""
    ids = data.ids(rig_list)
    return plan_answer(await playbooks.running.plan(playbook_id, ids, data.revision, keep_stopped=data.keep_stopped))


@post("/playbooks/{playbook_id:int}/apply", opt=OPERATE, status_code=200, summary="Apply it to rigs")
async def apply(
    playbook_id: FromPath[int],
    data: JSONBody[Apply],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> PlanAnswer:
    """To one rig, a selection, or a filter, at once. What uses the same devices is replaced; rigs that cannot run it
    are left as they are, with the reason."""
    ids = data.ids(rig_list)
    return plan_answer(await playbooks.running.apply(playbook_id, ids, data.revision, keep_stopped=data.keep_stopped))


@post("/playbooks/{playbook_id:int}/stop", opt=OPERATE, status_code=200, summary="Stop it on rigs")
async def stop(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """They keep it, to be started again."""
    return Touched(await playbooks.running.stop(playbook_id, data.ids(rig_list)))


@post("/playbooks/{playbook_id:int}/start", opt=OPERATE, status_code=200, summary="Start it on rigs that have it")
async def start(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """Rigs that do not have it are passed over."""
    return Touched(await playbooks.running.start(playbook_id, data.ids(rig_list)))


@post(
    "/playbooks/{playbook_id:int}/restart", opt=OPERATE, status_code=200, summary="Restart its mining program on rigs"
)
async def restart(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """Rigs that do not have it are passed over."""
    return Touched(await playbooks.running.restart(playbook_id, data.ids(rig_list)))


@post("/playbooks/{playbook_id:int}/take-off", opt=OPERATE, status_code=200, summary="Take it from rigs")
async def take_off(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """It stops there."""
    return Touched(await playbooks.running.take_off(playbook_id, data.ids(rig_list)))


@post("/playbooks/{playbook_id:int}/rollouts", opt=OPERATE, status_code=201, summary="Roll it out in stages")
async def begin_rollout(
    playbook_id: FromPath[int],
    data: JSONBody[BeginRollout],
    rollouts: NamedDependency[Rollouts],
    rig_list: NamedDependency[RigList],
) -> RolloutAnswer:
    """The first rigs get it and are watched; then the rest, unless the first do worse than before."""
    ids = data.ids(rig_list)
    return rollout_answer(await rollouts.begin(playbook_id, ids, data.rollout, data.revision))


@get("/rollouts", summary="The latest roll-outs")
async def list_rollouts(
    rollouts: NamedDependency[Rollouts], playbook: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER)] = None
) -> list[RolloutAnswer]:
    """Newest first; of all playbooks, or of one."""
    return [rollout_answer(one) for one in await rollouts.listed(playbook)]


@get("/rollouts/{rollout_id:int}", summary="One roll-out")
async def get_rollout(rollout_id: FromPath[int], rollouts: NamedDependency[Rollouts]) -> RolloutAnswer:
    """Where it stands, and what the first rigs did before and since."""
    return rollout_answer(await rollouts.get(rollout_id))


@post("/rollouts/{rollout_id:int}/abort", opt=OPERATE, status_code=200, summary="Abort a roll-out")
async def abort_rollout(
    rollout_id: FromPath[int], data: JSONBody[Abort], rollouts: NamedDependency[Rollouts]
) -> RolloutAnswer:
    """The rest is not told."""
    return rollout_answer(await rollouts.abort(rollout_id, put_back=data.put_back))


@get("/rigs/{rig_id:int}/playbooks", summary="What a rig runs")
async def rig_playbooks(rig_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]) -> list[RigPlaybook]:
    """And how each does."""
    playbooks.rigs.get(rig_id)
    return [rig_playbook(one, playbooks) for one in playbooks.assignments.of_rig(rig_id)]


@get("/rigs/{rig_id:int}/variables", summary="A rig's own variables")
async def get_variables(rig_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]) -> dict[str, str]:
    """Placeholders that have a value of this rig's own, without the `$`."""
    playbooks.rigs.get(rig_id)
    return dict(playbooks.assignments.variables_of(rig_id))


@put("/rigs/{rig_id:int}/variables", opt=CONFIGURE, summary="Set a rig's own variables")
async def set_variables(
    rig_id: FromPath[int], data: JSONBody[dict[str, str]], playbooks: NamedDependency[PlaybookBook]
) -> dict[str, str]:
    """These and no others. One that a running playbook needs cannot go."""
    return await playbooks.running.set_variables(rig_id, data)


api_rig_routes = Router(
    "/api",
    route_handlers=[
        plan,
        apply,
        stop,
        start,
        restart,
        take_off,
        begin_rollout,
        list_rollouts,
        get_rollout,
        abort_rollout,
        rig_playbooks,
        get_variables,
        set_variables,
    ],
    tags=["playbooks"],
)
