"""The JSON API of commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import OPERATE, Viewer, require
from rigfarm.commander.commands.actions import Commands
from rigfarm.commander.commands.model import GivenCommand, Pace, title, without_secrets
from rigfarm.commander.effects import Verdict, Watch
from rigfarm.commander.kinds import KindName
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.selection import RigSelection
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, pair_after
from rigfarm.common.clock import moment
from rigfarm.wire.commands import Command, CommandState, SetPools, UpdateSentry

__all__ = ["CommandAnswer", "api_routes", "command_answer"]


class GiveCommand(RigSelection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A command, `{"type": "reboot"}` for example, for rigs: by `rigs`, or by a `filter` over a `kind`."""

    command: Command
    kind: KindName = "cpu-gpu"
    pace: Pace | None = None
    """`{"at_once": 10, "pause_s": 30}`: to so many rigs at once, then a pause, then to the next. Absent: to all."""


class CheckAnswer(Struct):
    """One check of an effect."""

    at: datetime
    verdict: Verdict
    detail: str


class EffectAnswer(Struct, omit_defaults=True):
    """Whether a command that ended well took effect, as the rig's telemetry shows. It is checked 30 seconds, 5 minutes
    and 30 minutes after the end, until a newer command about the same is given."""

    checks: list[CheckAnswer]
    verdict: Verdict | UnsetType = UNSET
    """`took-effect`, `no-effect`, `reverted` (it had taken effect) or `not-measurable`: of the last check that could
    measure it. Absent until the first check."""
    detail: str = ""
    """What was seen, with the numbers."""
    next_check_at: datetime | UnsetType = UNSET
    """Absent after the last check."""


class CommandAnswer(Struct, omit_defaults=True):
    """A command and its result."""

    id: str
    batch: str
    """The same for all rigs of one request."""
    rig_id: int
    command: Command
    title: str
    state: CommandState
    detail: str
    created_at: datetime
    sent_at: datetime | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET
    pace: Pace | UnsetType = UNSET
    effect: EffectAnswer | UnsetType = UNSET
    """Absent unless the command ended well, and always if telemetry can't show it: blinking, updating the Sentry."""


def _effect_answer(watch: Watch) -> EffectAnswer:
    return EffectAnswer(
        checks=[CheckAnswer(moment(check.at), check.verdict, check.words) for check in watch.checks],
        verdict=UNSET if watch.verdict is None else watch.verdict,
        detail=watch.words,
        next_check_at=UNSET if watch.due_ms is None else moment(watch.due_ms),
    )


def command_answer(command: GivenCommand, watch: Watch | None = None) -> CommandAnswer:
    """With its times, and its effect."""
    return CommandAnswer(
        id=command.id,
        batch=command.batch,
        rig_id=command.rig_id,
        command=without_secrets(command.command),
        title=title(command.command),
        state=command.state,
        detail=command.detail,
        created_at=moment(command.created_at),
        sent_at=UNSET if command.sent_at is None else moment(command.sent_at),
        finished_at=UNSET if command.finished_at is None else moment(command.finished_at),
        pace=UNSET if command.pace is None else command.pace,
        effect=UNSET if watch is None else _effect_answer(watch),
    )


@post("", opt=OPERATE, status_code=202, summary="Give a command to rigs")
async def give_command(
    request: Request[Viewer, Viewer, Any],
    data: JSONBody[GiveCommand],
    commands: NamedDependency[Commands],
    rig_list: NamedDependency[RigList],
) -> list[CommandAnswer]:
    """Each rig has its own result: list them by the `batch`. An offline rig gets the command if it reconnects within
    ten minutes; what a rig cannot do is refused at once. No command is sent twice. Setting pools decides who is paid: a
    key also needs the scope `configure` for it."""
    if isinstance(data.command, SetPools):
        require(request.auth, "configure")
    if isinstance(data.command, UpdateSentry):
        raise Invalid("Use POST /api/sentry-updates, which knows the Sentry for each rig.", field="command")
    given = await commands.give(data.command, data.ids(rig_list, data.kind), pace=data.pace)
    return [command_answer(one) for one in given]


@get("", summary="The latest commands")
async def list_commands(
    request: Request[Any, Any, Any],
    commands: NamedDependency[Commands],
    of_rigs: NamedDependency[OfRigs],
    rig: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only those of this rig.")] = None,
    batch: Annotated[str, QueryParameter(description="Only those of one request.")] = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[CommandAnswer]]:
    """Newest first: of all, of a rig, or of one request."""
    found = await commands.listed(rig, batch or None, pair_after(after), limit + 1, of_rigs.ids)
    if batch and not found and not after and of_rigs.ids is None:
        raise Absent("These commands do not exist.")
    effects = await commands.effects.of_commands(one.id for one in found)
    return loaded_page(
        request,
        found,
        limit,
        cursor=lambda one: f"{one.created_at}-{one.id}",
        answer=lambda one: command_answer(one, effects.get(one.id)),
    )


@delete("/{command_id:str}", opt=OPERATE, status_code=200, summary="Cancel a command")
async def cancel_command(command_id: FromPath[str], commands: NamedDependency[Commands]) -> CommandAnswer:
    """Until it is sent."""
    return command_answer(await commands.cancel(command_id))


@delete("", opt=OPERATE, status_code=200, summary="Cancel the rest of a batch")
async def cancel_batch(batch: FromQuery[str], commands: NamedDependency[Commands]) -> list[CommandAnswer]:
    """What was not sent yet to rigs of this request."""
    return [command_answer(one) for one in await commands.cancel_batch(batch)]


api_routes = Router(
    "/api/commands", route_handlers=[give_command, list_commands, cancel_command, cancel_batch], tags=["commands"]
)
