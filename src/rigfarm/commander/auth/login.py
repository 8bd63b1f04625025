"""Getting in and out: the login page, and the end of a session."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Struct

from rigfarm.commander.auth.answers import (
    VISIT_S,
    Page,
    WebRequest,
    device_cookie,
    go,
    own_session,
    session_cookie,
    signed_out,
)
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.connection import address_of, browser_label, safe_next
from rigfarm.commander.auth.hashing import BusyError
from rigfarm.commander.auth.scopes import ANY_KEY
from rigfarm.commander.auth.sessions import MAX_OWNER, Sessions, clean_owner
from rigfarm.commander.changes import Actor, describe
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.web.headers import header
from rigfarm.commander.web.render import render

__all__ = ["login_routes"]

MAX_BODY = 16 << 10
"""Bytes: strangers send it."""


class LoginForm(Struct):
    """What the login page sends."""

    password: str = ""
    next: str = "/"
    owner: str = ""
    """Whose browser it is; may be left out."""


@get("/login", opt={"open": True}, include_in_schema=False)
async def login_page(
    request: Request[Any, Any, Any],
    auth: NamedDependency[Auth],
    target: Annotated[str, QueryParameter(name="next")] = "/",
) -> Page:
    """The form; a browser that is logged in already goes on."""
    if auth.gate.viewer_of(request.scope) is not None:
        return go(safe_next(target))
    return render(request, "login.html", next=safe_next(target), error="", owner="", wrong_owner="")


@post("/login", opt={"open": True}, status_code=200, include_in_schema=False, request_max_body_size=MAX_BODY)
async def login(request: Request[Any, Any, Any], auth: NamedDependency[Auth], data: URLEncodedBody[LoginForm]) -> Page:
    """Check the password, open a session, go where the person wanted to."""
    describe("log in", who=Actor("stranger", "a browser without a session"))
    address = address_of(request.scope)
    attempts = auth.login_limits.of(address, auth.device_of(request.scope))
    try:
        owner = clean_owner(data.owner)
    except Invalid as error:
        return _again(request, data, error.status, "", wrong_owner=str(error))
    wait_s = attempts.wait_s()
    if wait_s > 0:
        return _again(request, data, 429, _too_many(auth, address, wait_s), wait_s)
    generation = auth.sessions.generation
    attempts.take()
    try:
        right = await auth.password.matches(data.password, known=attempts.known)
        visitor = not right and await auth.visitors.matches(data.password, known=attempts.known)
    except BusyError:
        attempts.forgive()
        return _again(request, data, 429, "Many people are logging in right now. Try again in a second.", 1)
    if not (right or visitor):
        return _again(request, data, 401, "Wrong password. It was set when this Commander was installed.")
    attempts.forgive()
    describe(device="known" if attempts.known else "new")
    try:
        return await _welcome(request, auth, address, owner, safe_next(data.next), generation, visitor=visitor)
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
    request: Request[Any, Any, Any],
    auth: Auth,
    address: str,
    owner: str,
    target: str,
    generation: int,
    *,
    visitor: bool,
) -> Page:
    """A visitor's browser gets no device cookie: with it, a visitor would have attempts at the other password."""
    before = auth.gate.viewer_of(request.scope)
    if before is not None and before.session is not None:
        await auth.sessions.end(before.session.id_hash)
    label = browser_label(header(request.scope, b"user-agent"))
    secret = await auth.sessions.create(label, address, owner=owner, generation=generation, visitor=visitor)
    session = auth.sessions.find(secret, address)
    describe(who=None if session is None else session.actor)
    answer = go(target)
    answer.set_cookie(session_cookie(request, auth, secret, VISIT_S if visitor else int(auth.sessions.absolute_s)))
    if not visitor:
        answer.set_cookie(device_cookie(request, auth))
    return answer


@post("/logout", opt=ANY_KEY, status_code=200, include_in_schema=False)
async def logout(request: WebRequest, auth: NamedDependency[Auth], sessions: NamedDependency[Sessions]) -> Page:
    """End this session."""
    describe("log out")
    await sessions.end(own_session(request).id_hash)
    return signed_out(request, auth)


login_routes = [login_page, login, logout]


def _again(
    request: Request[Any, Any, Any],
    form: LoginForm,
    status: int,
    error: str,
    wait_s: float = 0,
    *,
    wrong_owner: str = "",
) -> Page:
    shown = {"next": safe_next(form.next), "error": error, "owner": form.owner[:MAX_OWNER], "wrong_owner": wrong_owner}
    page = render(request, "login.html", status=status, **shown)
    if wait_s > 0:
        page.headers["Retry-After"] = str(int(wait_s) + 1)
    return page
