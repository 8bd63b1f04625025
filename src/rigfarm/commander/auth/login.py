"""Getting in and out: the login page, and the end of a session."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Struct

from rigfarm.commander.auth.answers import Page, WebRequest, device_cookie, go, own_session, session_cookie, signed_out
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.connection import address_of, browser_label, safe_next
from rigfarm.commander.auth.hashing import BusyError
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.changes import describe
from rigfarm.commander.refusals import Conflict
from rigfarm.commander.web.headers import header
from rigfarm.commander.web.render import render
from rigfarm.wire.tokens import hash_token

__all__ = ["login_routes"]

MAX_BODY = 16 << 10
"""Bytes: strangers send it."""


class LoginForm(Struct):
    """What the login page sends."""

    password: str = ""
    next: str = "/"


@get("/login", opt={"open": True}, include_in_schema=False)
async def login_page(
    request: Request[Any, Any, Any],
    auth: NamedDependency[Auth],
    target: Annotated[str, QueryParameter(name="next")] = "/",
) -> Page:
    """The form; whoever is in already goes on."""
    if auth.gate.viewer_of(request.scope) is not None:
        return go(safe_next(target))
    return render(request, "login.html", next=safe_next(target), error="")


@post("/login", opt={"open": True}, status_code=200, include_in_schema=False, request_max_body_size=MAX_BODY)
async def login(request: Request[Any, Any, Any], auth: NamedDependency[Auth], data: URLEncodedBody[LoginForm]) -> Page:
    """Check the password, open a session, go where the person wanted to."""
    describe(who="a browser without a session")
    address = address_of(request.scope)
    attempts = auth.login_limits.of(address, auth.device_of(request.scope))
    wait_s = attempts.wait_s()
    if wait_s > 0:
        return _again(request, data, 429, _too_many(auth, address, wait_s), wait_s)
    generation = auth.sessions.generation
    attempts.take()
    try:
        right = await auth.password.matches(data.password, known=attempts.known)
    except BusyError:
        attempts.forgive()
        return _again(request, data, 429, "Many people are logging in at this moment. Try again in a second.", 1)
    if not right:
        return _again(request, data, 401, "This is not the password. It was set when this Commander was installed.")
    attempts.forgive()
    try:
        return await _welcome(request, auth, address, safe_next(data.next), generation, known=attempts.known)
    except Conflict as conflict:
        return _again(request, data, conflict.status, str(conflict))


def _too_many(auth: Auth, address: str, wait_s: float) -> str:
    """Why a password is not looked at, for a person; the register learns of it."""
    minutes = "a minute" if wait_s > 30 else f"{int(wait_s) + 1} seconds"
    if not auth.login_limits.all_blocked:
        auth.incidents.note(address, "sent too many wrong passwords", "its logins are refused for a minute")
        return f"Too many wrong passwords. Try again in {minutes}."
    auth.incidents.note(
        "many addresses together",
        "sent too many wrong passwords",
        "logins of browsers that have never logged in here are refused for a minute",
    )
    return (
        f"Too many wrong passwords from many addresses. Try again in {minutes}, or use a browser that has logged in "
        "here before: it does not have to wait."
    )


async def _welcome(
    request: Request[Any, Any, Any], auth: Auth, address: str, target: str, generation: int, *, known: bool
) -> Page:
    before = auth.gate.viewer_of(request.scope)
    if before is not None and before.session is not None:
        await auth.sessions.end(before.session.id_hash)
    label = browser_label(header(request.scope, b"user-agent"))
    secret = await auth.sessions.create(label, address, generation=generation)
    describe(who=f"session {hash_token(secret).hex()[:8]} {label}", device="known" if known else "new")
    answer = go(target)
    answer.set_cookie(session_cookie(request, auth, secret, int(auth.sessions.absolute_s)))
    answer.set_cookie(device_cookie(request, auth))
    return answer


@post("/logout", status_code=200, include_in_schema=False)
async def logout(request: WebRequest, auth: NamedDependency[Auth], sessions: NamedDependency[Sessions]) -> Page:
    """End this session."""
    await sessions.end(own_session(request).id_hash)
    return signed_out(request, auth)


login_routes = [login_page, login, logout]


def _again(request: Request[Any, Any, Any], form: LoginForm, status: int, error: str, wait_s: float = 0) -> Page:
    page = render(request, "login.html", status=status, next=safe_next(form.next), error=error)
    if wait_s > 0:
        page.headers["Retry-After"] = str(int(wait_s) + 1)
    return page
