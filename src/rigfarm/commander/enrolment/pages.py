"""The settings page of enrolment keys."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.auth.answers import left
from rigfarm.commander.changes import concerns, describe
from rigfarm.commander.enrolment.actions import EnrolmentKeys
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.web.render import render

__all__ = ["enrolment_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


class KeyForm(Struct):
    """What the form sends."""

    name: str = ""
    hours: str = "24"


@get("/settings/enrolment", include_in_schema=False)
async def enrolment_page(request: WebRequest, enrolment: NamedDependency[EnrolmentKeys]) -> Template:
    """All keys, and a form for one more."""
    return _page(request, enrolment)


@post("/settings/enrolment", status_code=200, include_in_schema=False)
async def create_key(
    request: WebRequest, enrolment: NamedDependency[EnrolmentKeys], data: URLEncodedBody[KeyForm]
) -> Template:
    """Make a key and show it, this once."""
    describe("create enrolment key")
    try:
        hours = float(data.hours)
    except ValueError:
        hours = 0.0
    try:
        key, secret = await enrolment.create(data.name, hours)
    except Refusal as refusal:
        return _page(
            request,
            enrolment,
            status=refusal.status,
            name=data.name,
            hours=data.hours,
            errors={"name": "", "hours": ""} | refusal.fields,
        )
    describe(key=key.name, expires=key.expires)
    concerns("key", {key.id: key.name})
    return _page(request, enrolment, made=key, secret=secret)


@post("/settings/enrolment/{key_id:int}/revoke", status_code=200, include_in_schema=False)
async def revoke_key(request: WebRequest, enrolment: NamedDependency[EnrolmentKeys], key_id: FromPath[int]) -> Redirect:
    """Refuse a key from now on."""
    describe("revoke enrolment key")
    key = await enrolment.revoke(key_id)
    describe(key=key.name, rigs_created=key.enrolled)
    concerns("key", {key.id: key.name})
    return Redirect("/settings/enrolment", status_code=303)


enrolment_routes = [enrolment_page, create_key, revoke_key]


def _page(request: WebRequest, enrolment: EnrolmentKeys, *, status: int = 200, **context: object) -> Template:
    shown: dict[str, object] = {
        "made": None,
        "secret": None,
        "name": "",
        "hours": "24",
        "errors": {"name": "", "hours": ""},
    }
    return render(request, "enrolment.html", status=status, keys=enrolment.all(), left=left, **(shown | context))
