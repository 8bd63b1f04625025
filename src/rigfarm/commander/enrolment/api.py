"""`POST /api/enrol`: a Sentry makes rigs with an enrolment key."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, TooManyRequestsException
from litestar.params import JSONBody
from msgspec import Struct

from rigfarm.commander.auth import RateLimit
from rigfarm.commander.auth.connection import address_of, header
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
    opt={"open": True},
    request_max_body_size=MAX_BODY,
    summary="Make rigs with an enrolment key",
    tags=["rigs"],
)
async def enrol(
    request: Request[Any, Any, Any],
    data: JSONBody[EnrolRequest],
    enrolment: NamedDependency[EnrolmentKeys],
    bad_tokens: NamedDependency[RateLimit],
) -> EnrolAnswer:
    """`Authorization: Bearer re_…`; the key is made on the settings page, expires, and opens nothing else."""
    address = address_of(request.scope)
    if bad_tokens.blocked(address):
        raise TooManyRequestsException("Too many wrong keys from this address; try again in a minute.")
    scheme, _, secret = header(request.scope, b"authorization").partition(" ")
    key = enrolment.find(secret.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        bad_tokens.hit(address)
        raise NotAuthorizedException(
            "This enrolment key is unknown here, has expired, or was revoked. Make a new one on the settings page."
        )
    made = await enrolment.enrol(key, [(one.name, one.kind) for one in data.rigs])
    return EnrolAnswer([Enrolled(rig.id, rig.name, token) for rig, token in made])
