"""The JSON API of what rigs do with playbooks: apply, stop, start, restart, take off, variables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.console.consoles import Consoles
from rigfarm.commander.assignments.model import Assignment, Plan, Step, Wanted
from rigfarm.commander.auth import CONFIGURE, OPERATE, READ
from rigfarm.commander.circuits import Circuits, forecast
from rigfarm.commander.circuits.api import ForecastAnswer, forecast_answers
from rigfarm.commander.numbers import MAX_NUMBER, Number
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.selection import RigSelection
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]


class Apply(RigSelection, frozen=True, forbid_unknown_fields=True):
    """Which rigs, and which revision (the newest unless said otherwise)."""

    revision: Number | None = None
    keep_stopped: bool = False
    """Rigs on which it is stopped get the revision, and it stays stopped."""


class RigPlaybook(Struct, omit_defaults=True):
    """One playbook on one rig."""

    rig_id: int
    playbook_id: int
    name: str
    revision: int
    newest: int
    wanted: Wanted
    state: str
    """queued · downloading · verifying · unpacking · starting · mining · backing-off · failed · stopping · stopped ·
    offline (what it says is old)"""
    detail: str = ""
    progress: float | UnsetType = UNSET
    """0..1 while downloading."""
    since: datetime | UnsetType = UNSET
    restarts: int | UnsetType = UNSET


class ConsoleAnswer(Struct):
    """Lines of a mining program."""

    lines: list[str]
    first: int
    """Number of the first of them, as the rig counts since the program was started."""
    next: int
    """Number of the line that comes next."""
    answered: bool
    """Whether the rig has sent lines: an offline one has not."""


class PlanAnswer(Struct):
    """What applying does, or did, rig by rig."""

    playbook_id: int
    revision: int
    counts: dict[str, int]
    """Rigs by action: start, change, nothing, refused."""
    replaced: dict[str, int]
    """Playbooks that are removed, and from how many rigs."""
    rigs: list[Step]
    circuits: list[ForecastAnswer]
    """What their circuits draw once they all mine, the worst first."""


class Touched(Struct):
    """The rigs that were changed."""

    rigs: list[int]


@post("/playbooks/{playbook_id:int}/plan", opt=READ, status_code=200, summary="Preview what applying would do")
async def plan(
    playbook_id: FromPath[int],
    data: JSONBody[Apply],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
    circuits: NamedDependency[Circuits],
) -> PlanAnswer:
    """Changes nothing."""
    ids = data.ids(rig_list)
    return _plan(await assignments.plan(playbook_id, ids, data.revision, keep_stopped=data.keep_stopped), circuits)


@post("/playbooks/{playbook_id:int}/apply", opt=OPERATE, status_code=200, summary="Apply it to rigs")
async def apply(
    playbook_id: FromPath[int],
    data: JSONBody[Apply],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
    circuits: NamedDependency[Circuits],
) -> PlanAnswer:
    """To one rig, a selection, or a filter, at once. What uses the same devices is replaced; rigs that cannot run it
    are left as they are, with the reason."""
    ids = data.ids(rig_list)
    return _plan(await assignments.apply(playbook_id, ids, data.revision, keep_stopped=data.keep_stopped), circuits)


@post("/playbooks/{playbook_id:int}/stop", opt=OPERATE, status_code=200, summary="Stop it on rigs")
async def stop(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """They keep it, so that it can be started again."""
    return Touched(await assignments.stop(playbook_id, data.ids(rig_list)))


@post("/playbooks/{playbook_id:int}/start", opt=OPERATE, status_code=200, summary="Start it on rigs that have it")
async def start(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """Rigs that do not have it are passed over."""
    return Touched(await assignments.start(playbook_id, data.ids(rig_list)))


@post(
    "/playbooks/{playbook_id:int}/restart", opt=OPERATE, status_code=200, summary="Restart its mining program on rigs"
)
async def restart(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """Rigs that do not have it are passed over."""
    return Touched(await assignments.restart(playbook_id, data.ids(rig_list)))


@post("/playbooks/{playbook_id:int}/take-off", opt=OPERATE, status_code=200, summary="Remove it from rigs")
async def take_off(
    playbook_id: FromPath[int],
    data: JSONBody[RigSelection],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
) -> Touched:
    """It stops on them."""
    return Touched(await assignments.take_off(playbook_id, data.ids(rig_list)))


@get("/playbooks/{playbook_id:int}/rigs", summary="The rigs that have a playbook")
async def playbook_rigs(
    request: Request[Any, Any, Any],
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    of_rigs: NamedDependency[OfRigs],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[RigPlaybook]]:
    """With its state on each."""
    assignments.playbooks.get(playbook_id)
    found = [one for one in assignments.assigned.of_playbook(playbook_id) if of_rigs.has(one.rig_id)]
    return one_page(
        request, found, limit, after, key=lambda one: one.rig_id, answer=lambda one: _on_rig(one, assignments)
    )


@get("/rigs/{rig_id:int}/playbooks", summary="What a rig runs")
async def rig_playbooks(
    request: Request[Any, Any, Any],
    rig_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[RigPlaybook]]:
    """With the state of each."""
    assignments.rigs.get(rig_id)
    found = assignments.assigned.of_rig(rig_id)
    return one_page(
        request, found, limit, after, key=lambda one: one.playbook_id, answer=lambda one: _on_rig(one, assignments)
    )


@get("/rigs/{rig_id:int}/playbooks/{playbook_id:int}/console", summary="The console of a mining program")
async def get_console(
    rig_id: FromPath[int],
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    consoles: NamedDependency[Consoles],
    since: Annotated[int, QueryParameter(ge=0, le=MAX_NUMBER, description="Only lines from this number on.")] = 0,
) -> ConsoleAnswer:
    """Its last lines, at most 500. The rig sends them while someone watches: the first request waits up to five
    seconds, and the console stays watched for half a minute after each. Ask again with `since` = `next`."""
    assignments.rigs.get(rig_id)
    if assignments.assigned.get(rig_id, playbook_id) is None:
        raise Absent("This rig does not have this playbook.")
    screen = await consoles.read(rig_id, playbook_id)
    first = max(screen.next - len(screen.lines), 0)
    skipped = max(since - first, 0) if screen.heard else 0
    return ConsoleAnswer(list(screen.lines)[skipped:], first + skipped, screen.next, answered=screen.heard)


@get("/rigs/{rig_id:int}/variables", summary="A rig's own variables")
async def get_variables(rig_id: FromPath[int], assignments: NamedDependency[Assignments]) -> dict[str, str]:
    """Placeholders that have a value of this rig's own, without the `$`."""
    assignments.rigs.get(rig_id)
    return dict(assignments.assigned.variables_of(rig_id))


@patch("/rigs/{rig_id:int}/variables", opt=CONFIGURE, summary="Change a rig's own variables")
async def change_variables(
    rig_id: FromPath[int], data: JSONBody[dict[str, str | None]], assignments: NamedDependency[Assignments]
) -> dict[str, str]:
    """Variables that are left out don't change; null removes one. One that a running playbook needs cannot be
    removed."""
    return await assignments.change_variables(rig_id, data)


api_routes = Router(
    "/api",
    route_handlers=[
        plan,
        apply,
        stop,
        start,
        restart,
        take_off,
        playbook_rigs,
        rig_playbooks,
        get_console,
        get_variables,
        change_variables,
    ],
    tags=["playbooks"],
)


def _on_rig(assignment: Assignment, assignments: Assignments) -> RigPlaybook:
    shown = assignments.statuses.shown(assignment)
    playbook = assignments.playbooks.get(assignment.playbook_id)
    answer = RigPlaybook(
        rig_id=assignment.rig_id,
        playbook_id=playbook.id,
        name=playbook.name,
        revision=assignment.revision,
        newest=playbook.revision,
        wanted=assignment.wanted,
        state=shown.state,
        detail=shown.detail,
    )
    if (status := shown.status) is not None:
        answer.restarts = status.restarts
        answer.progress = UNSET if status.progress is None else status.progress
        answer.since = _time(status.since_ms)
    return answer


def _plan(plan: Plan, circuits: Circuits) -> PlanAnswer:
    return PlanAnswer(
        plan.playbook_id,
        plan.revision,
        dict(plan.counts),
        dict(plan.replaced),
        plan.steps,
        forecast_answers(forecast(circuits, plan.rigs)),
    )


def _time(ms: int | None) -> datetime | UnsetType:
    if ms is None or not 0 <= ms < 1 << 43:
        return UNSET
    return datetime.fromtimestamp(ms / 1000, UTC)
