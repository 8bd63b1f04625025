"""`POST /api/enrol`: a Sentry makes rigs with an enrolment key. And the JSON API of such keys."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from rigfarm.commander.auth import ACCESS, ENROL, Viewer
from rigfarm.commander.auth.api import CreatedKey, KeyAnswer, created_key, key_answer, only_what_it_may
from rigfarm.commander.changes import concerns, describe
from rigfarm.commander.enrolment.actions import EnrolmentKeys
from rigfarm.commander.kinds import KindName
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]

MAX_BODY = 512 << 10
"""Bytes: as many rigs as may be made at once, with the longest names."""


class Wanted(Struct):
    """One rig to create."""

    name: str
    kind: KindName = "asic"
    mac: str | None = None


class EnrolRequest(Struct):
    """What a Sentry asks for."""

    rigs: list[Wanted]


class Enrolled(Struct):
    """One rig that was created, in the order of the request; its name may get a number to be distinct."""

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
    summary="Create rigs with an enrolment key",
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


class NewEnrolmentKey(Struct, forbid_unknown_fields=True):
    """A key that can create rigs and nothing else."""

    name: str
    hours: float = 24.0
    """Until it expires."""


@get("/api/enrolment-keys", opt=ACCESS, summary="List enrolment keys", tags=["access"])
async def list_enrolment_keys(
    request: Request[Viewer, Viewer, Any],
    enrolment: NamedDependency[EnrolmentKeys],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[KeyAnswer]]:
    """Every key with the scope `enrol`, newest first, expired ones included."""
    return one_page(request, enrolment.all(), limit, after, key=lambda key: key.id, answer=key_answer)


@post("/api/enrolment-keys", opt=ACCESS, status_code=201, summary="Create an enrolment key", tags=["access"])
async def create_enrolment_key(
    request: Request[Viewer, Viewer, Any], data: JSONBody[NewEnrolmentKey], enrolment: NamedDependency[EnrolmentKeys]
) -> CreatedKey:
    """The response contains the key, which is shown only once. A key that creates it needs the scope `enrol`, too."""
    describe("create enrolment key")
    only_what_it_may(request.auth, ["enrol"], data.hours * 3600)
    key, secret = await enrolment.create(data.name, data.hours)
    describe(key=key.name, expires=key.expires)
    concerns("key", {key.id: key.name})
    return created_key(key, secret)


@delete("/api/enrolment-keys/{key_id:int}", opt=ACCESS, summary="Revoke an enrolment key", tags=["access"])
async def revoke_enrolment_key(key_id: FromPath[int], enrolment: NamedDependency[EnrolmentKeys]) -> None:
    """It is refused from now on; rigs that were created with it stay."""
    describe("revoke enrolment key")
    key = await enrolment.revoke(key_id)
    describe(key=key.name, rigs_created=key.enrolled)
    concerns("key", {key.id: key.name})


api_routes = [enrol, list_enrolment_keys, create_enrolment_key, revoke_enrolment_key]
