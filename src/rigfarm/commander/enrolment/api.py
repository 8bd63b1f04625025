"""`POST /api/enrol`: a Sentry makes rigs with an enrolment key."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import JSONBody
from msgspec import Struct

from rigfarm.commander.auth import ENROL, Viewer
from rigfarm.commander.channels import Kind
from rigfarm.commander.enrolment.keys import EnrolmentKeys

__all__ = ["enrol"]

MAX_BODY = 512 << 10
"""Bytes: as many rigs as may be made at once, with the longest names."""


class Wanted(Struct):
    """One rig to make."""

    name: str
    kind: Kind = "asic"
    mac: str | None = None


class EnrolRequest(Struct):
    """What a Sentry asks for."""

    rigs: list[Wanted]


class Enrolled(Struct):
    """One rig that was made, in the order of the request; its name may carry a number to be distinct."""

    id: int
    name: str
    token: str


class EnrolAnswer(Struct):
    """All of them."""

    rigs: list[Enrolled]


@post(
    "/api/enrol",
    status_code=201,
    opt=ENROL,
    request_max_body_size=MAX_BODY,
    summary="Make rigs with an enrolment key",
    tags=["rigs"],
)
async def enrol(
    request: Request[Viewer, Viewer, Any], data: JSONBody[EnrolRequest], enrolment: NamedDependency[EnrolmentKeys]
) -> EnrolAnswer:
    """With a key that has the scope `enrol`; one that has no other begins with `re_` and always expires."""
    key = request.auth.key
    if key is None:
        raise PermissionDeniedException("Enrolling needs an enrolment key: Authorization: Bearer re_…")
    made = await enrolment.enrol(key, [(one.name, one.kind) for one in data.rigs])
    return EnrolAnswer([Enrolled(rig.id, rig.name, token) for rig, token in made])
