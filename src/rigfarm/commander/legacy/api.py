"""The calls of these agents under /api/v1, answered as they expect. The token travels in the header `api_code`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.auth.connection import address_of
from rigfarm.commander.kinds import KindName
from rigfarm.commander.legacy.actions import Agent, Agents
from rigfarm.commander.legacy.model import (
    Body,
    asic_log,
    asic_specs,
    body_of,
    machine_log,
    machine_specs,
    missing,
)
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.web.headers import header
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["api_routes"]

BASE = "/api/v1"
OPEN = {"open": True}
"""An API code is checked here, not by the gate."""
MAX_BODY = 32 << 10
MAX_BULK = 1 << 20
MAX_CODES = 10_000
MAX_RIGS = 1_000
MAX_CODE = 128

_Request = Request[Any, Any, Any]


class _Refused(Exception):  # noqa: N818 - it is an answer
    def __init__(self, status: int, content: object) -> None:
        super().__init__(status)
        self.answer = Response(content, status_code=status, media_type="application/json")


def _refuse(_: _Request, refused: _Refused) -> Response[object]:
    return refused.answer


def _rig(request: _Request, agents: Agents, kind: KindName) -> tuple[Rig, str]:
    """Whose request it is, and the code."""
    code = header(request.scope, b"api_code")
    if not code:
        raise _Refused(401, {"message": "API_CODE does not exist in request header."})
    rig = agents.rig(code[:MAX_CODE], address_of(request.scope))
    if rig is None or rig.kind != kind:
        raise _Refused(401, {"message": "API_CODE invalid."})
    return rig, code


async def _body(request: _Request) -> Body:
    try:
        return body_of(await request.body())
    except ValueError as error:
        raise _Refused(400, {"message": f"The body is not a JSON object: {error}"}) from None


async def _specs(
    request: _Request, agents: Agents, kind: KindName, required: tuple[str, ...], read: Callable[[Body], Specs]
) -> Response[Any]:
    agent, body = await _asks(request, agents, kind)
    if errors := missing(body, *required):
        raise _Refused(422, {"errors": errors})
    await agent.specs(read(body))
    return Response(None, status_code=200, media_type="application/json")


async def _asks(request: _Request, agents: Agents, kind: KindName) -> tuple[Agent, Body]:
    rig, code = _rig(request, agents, kind)
    body = await _body(request)
    return await agents.of(rig, code, address_of(request.scope)), body


async def _log(
    request: _Request, agents: Agents, kind: KindName, read: Callable[[Body, Agent], OperationalLog]
) -> Response[Any]:
    agent, body = await _asks(request, agents, kind)
    await agent.log(read(body, agent))
    return Response(None, status_code=200, media_type="application/json")


@get("/ping", sync_to_thread=False)
def ping() -> dict[str, str]:
    """Whether this is it."""
    return {"message": "pong"}


@post("/cpu_gpu_miners/specs", request_max_body_size=MAX_BODY)
async def machine_specs_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """What a machine is made of."""
    required = ("cpu_name", "ram_size", "motherboard_name")
    return await _specs(request, agents, "cpu-gpu", required, machine_specs)


@post("/cpu_gpu_miners/logs", request_max_body_size=MAX_BODY)
async def machine_log_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """How a machine does; answered when it is stored."""
    return await _log(request, agents, "cpu-gpu", lambda body, agent: machine_log(body, utc_ms(), agent.known))


@get("/cpu_gpu_miners/playbooks")
async def playbooks_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """What a machine should run."""
    rig, code = _rig(request, agents, "cpu-gpu")
    await agents.of(rig, code, address_of(request.scope))
    return Response(agents.playbooks(rig), status_code=200, media_type="application/json")


@post("/asic_miners/specs", request_max_body_size=MAX_BODY)
async def asic_specs_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """What an ASIC is."""
    required = ("model", "firmware_version", "software_version")
    return await _specs(request, agents, "asic", required, asic_specs)


@post("/asic_miners/logs", request_max_body_size=MAX_BODY)
async def asic_log_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """How an ASIC does; answered when it is stored."""
    return await _log(request, agents, "asic", lambda body, _: asic_log(body, utc_ms()))


@get("/asic_miners/expected_status")
async def expected_status_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """How an ASIC and its light should be."""
    rig, code = _rig(request, agents, "asic")
    await agents.of(rig, code, address_of(request.scope))
    return Response(agents.expected(rig), status_code=200, media_type="application/json")


class _Bulk(msgspec.Struct):
    api_code_list: list[object]


@post("/asic_miners/expected_status_bulk", request_max_body_size=MAX_BULK)
async def expected_status_bulk_call(request: _Request, agents: NamedDependency[Agents]) -> Response[Any]:
    """The same of many ASICs, whose codes are in the body; unknown ones are left out."""
    try:
        asked = msgspec.json.decode(await request.body(), type=_Bulk).api_code_list[:MAX_CODES]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Response({"errors": {"api_code_list": ["is invalid"]}}, status_code=422, media_type="application/json")
    return Response(
        agents.expected_of([one[:MAX_CODE] for one in asked if isinstance(one, str)], address_of(request.scope)),
        status_code=200,
        media_type="application/json",
    )


class AgentsRig(msgspec.Struct, forbid_unknown_fields=True):
    """A rig whose agent keeps its API code."""

    name: str
    api_code: Annotated[str, Meta(pattern=r"^[!-~]{16,128}$")]
    kind: KindName = "cpu-gpu"


class AgentsRigs(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 1,000."""

    rigs: Annotated[list[AgentsRig], Meta(min_length=1, max_length=MAX_RIGS)]


class AddedRig(msgspec.Struct):
    """A rig that was added."""

    id: int
    name: str
    kind: KindName


@post(
    "/api/rigs/with-api-codes",
    opt=CONFIGURE,
    status_code=201,
    summary="Add rigs whose agents keep their API codes, all or none",
    tags=["rigs"],
)
async def add_rigs_with_codes(data: JSONBody[AgentsRigs], book: NamedDependency[Rigs]) -> list[AddedRig]:
    """For agents of Mining Rig Monitor: their code is the rig's token from now on."""
    made = await book.create_all(
        [(one.name, one.kind) for one in data.rigs], tokens=[one.api_code for one in data.rigs]
    )
    return [AddedRig(rig.id, rig.name, rig.kind) for rig, _ in made]


_calls = Router(
    BASE,
    route_handlers=[
        ping,
        machine_specs_call,
        machine_log_call,
        playbooks_call,
        asic_specs_call,
        asic_log_call,
        expected_status_call,
        expected_status_bulk_call,
    ],
    exception_handlers={_Refused: _refuse},
    include_in_schema=False,
    opt=OPEN,
)
api_routes: Sequence[ControllerRouterHandler] = (add_rigs_with_codes, _calls)
