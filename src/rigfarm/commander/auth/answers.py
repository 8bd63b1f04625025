"""What the pages of this folder have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie

from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.connection import DEVICE, cookie_name, is_https
from rigfarm.commander.auth.devices import MAX_AGE_S
from rigfarm.commander.auth.model import Session, Viewer
from rigfarm.units import duration

__all__ = [
    "VISIT_S",
    "Page",
    "WebRequest",
    "ago",
    "device_cookie",
    "go",
    "left",
    "own_session",
    "session_cookie",
    "signed_out",
    "visit_again",
]

VISIT_S = 400 * 86_400
"""How long browsers keep a visitor's cookie: the most they do. The session behind it ends by itself."""

Page: TypeAlias = Response[Any]
WebRequest: TypeAlias = Request[Viewer, Viewer, Any]


def ago(moment: datetime) -> str:
    """How long that is past, for people."""
    return duration((datetime.now(UTC) - moment).total_seconds())


def left(moment: datetime) -> str:
    """How long until then, for people."""
    return duration((moment - datetime.now(UTC)).total_seconds())


def own_session(request: WebRequest) -> Session:
    """The session behind a page."""
    session = request.auth.session
    assert session is not None, "API keys open no pages"
    return session


def go(target: str) -> Page:
    """On to another page, by GET."""
    return Response(b"", status_code=303, headers={"Location": target}, media_type=MediaType.TEXT)


def signed_out(request: WebRequest, auth: Auth) -> Page:
    """To the login, without the cookie."""
    answer = go("/login")
    answer.set_cookie(session_cookie(request, auth, "", 0))
    return answer


def session_cookie(request: Request[Any, Any, Any], auth: Auth, secret: str, max_age: int) -> Cookie:
    """The session's cookie: out of reach of scripts, sent to this host only."""
    return _cookie(request, auth, "", secret, max_age, "lax")


def visit_again(request: WebRequest, auth: Auth, answer: Page) -> None:
    """Let a visitor's browser keep its cookie for as long as it may, from now on."""
    viewer = request.auth
    if viewer.visitor:
        answer.set_cookie(session_cookie(request, auth, viewer.secret, VISIT_S))


def device_cookie(request: Request[Any, Any, Any], auth: Auth) -> Cookie:
    """For a browser that has just shown who it is: it keeps password attempts of its own, also after the session."""
    return _cookie(request, auth, DEVICE, auth.devices.issue(), MAX_AGE_S, "strict")


def _cookie(
    request: Request[Any, Any, Any],
    auth: Auth,
    purpose: str,
    value: str,
    max_age: int,
    samesite: Literal["lax", "strict"],
) -> Cookie:
    https = is_https(request.scope, auth.public_url)
    name = cookie_name(request.scope, https=https, purpose=purpose)
    return Cookie(key=name, value=value, path="/", max_age=max_age, secure=https, httponly=True, samesite=samesite)
