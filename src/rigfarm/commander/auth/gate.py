"""The gate every route stands behind: no request passes without a session or an API key, unless the route itself is
declared with `opt={"open": True}`. A route whose author forgets about it is closed.

Runs after routing, once per connection: cookie or key → viewer → (for what changes something) origin and CSRF token.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from litestar import MediaType, Request
from litestar.enums import ScopeType
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    PermissionDeniedException,
    TooManyRequestsException,
)
from litestar.middleware import ASGIMiddleware
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from rigfarm.commander.auth.connection import address_of, cookie, cookie_name, is_https, safe_next
from rigfarm.commander.auth.model import ApiKey, Viewer, csrf_matches
from rigfarm.commander.auth.scopes import SAFE_METHODS, Needed, grants, needed_scope
from rigfarm.commander.auth.scopes import Scope as KeyScope
from rigfarm.commander.changes import describe
from rigfarm.commander.permission import ONLY_A_VISITOR, permitted_by
from rigfarm.commander.server.connections import connection_of
from rigfarm.commander.urls import split_url
from rigfarm.commander.web.headers import header, is_htmx

if TYPE_CHECKING:
    from rigfarm.commander.auth.auth import Auth

__all__ = ["Gate", "require"]

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
OPEN_WITHIN_S = 60.0
VISIT: tuple[KeyScope, ...] = ("read",)
"""What a visitor may do, in scopes of keys."""
MAX_FORM = 1 << 20
"""Bytes of a form that is read as a whole, for its token; what is longer has it in a header."""


class Gate(ASGIMiddleware):
    """Authentication, deny by default, and protection against requests of other sites."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let a connection through with `scope["auth"]` set, or answer it."""
        if scope["type"] == ScopeType.WEBSOCKET:
            refused = self._judge_socket(scope)
            if refused is not None:
                await _refuse_socket(receive, send, *refused)
                return
            await next_app(scope, receive, send)
        elif not await self._admit(scope, receive, send):
            return
        elif not _is_open(scope):
            await self._while_alive(next_app, scope, receive, send)
        elif _changes(scope):
            await _soon(next_app, scope, receive, send)
        else:
            await next_app(scope, receive, send)

    async def _while_alive(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """A request has no effect, and a stream no further piece, after its login or key has ended: asked when the body
        is whole, by whatever changes something (`check_permission`), and before each piece of a stream."""
        viewer = cast("Viewer", scope["auth"])

        def check() -> None:
            if not self._auth.alive(viewer):
                raise NotAuthorizedException("The login or API key behind this request has ended. Nothing was changed.")

        async def receive_if_alive() -> Any:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                check()
            return message

        async def send_if_alive(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("more_body") and not self._auth.alive(viewer):
                connection = connection_of(scope)
                if connection is None:
                    check()
                else:
                    connection.cut()
            await send(message)

        check()  # a form's token may have taken a while to arrive
        with permitted_by(check):
            await app(scope, receive_if_alive, send_if_alive)

    def viewer_of(self, scope: Scope) -> Viewer | None:
        """Who holds the session cookie of this connection."""
        name = cookie_name(scope, https=is_https(scope, self._auth.public_url))
        secret = cookie(scope, name)
        if not secret:
            return None
        session = self._auth.sessions.find(secret, address_of(scope))
        return None if session is None else Viewer(session=session, secret=secret)

    # HTTP

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> bool:
        changes = _changes(scope)
        if _is_open(scope):
            if changes:
                _permit(self._auth.origins.foreign(scope))
            return True
        viewer = self._key_holder(scope) or self.viewer_of(scope)
        if viewer is None:
            await self._send_to_login(scope, receive, send)
            return False
        describe(who=viewer.actor)
        if viewer.visitor:
            _permit(_beyond_a_visit(scope))
        if changes and viewer.session is not None:
            _permit(self._auth.origins.refusal(scope))
            await _check_csrf(scope, receive, viewer)
        _let_in(scope, viewer)
        return True

    def _key_holder(self, scope: Scope) -> Viewer | None:
        """Who sends an API key. A key opens the API only: it makes no keys and ends no sessions."""
        scheme, _, secret = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not _takes_keys(scope):
            return None
        address = address_of(scope)
        key = self._auth.keys.find(secret.strip(), address)
        if key is not None:
            viewer = Viewer(key=key)
            describe(who=viewer.actor)
            _permit(_beyond(key, scope))
            return viewer
        # Only wrong keys count, and only they wait: a good one works although wrong ones came from the same address.
        wait_s = self._auth.bad_keys.wait_s(address)
        if wait_s > 0:
            self._auth.incidents.note(address, "sent too many wrong API keys", "wrong ones are refused for a minute")
            raise TooManyRequestsException(
                "Too many wrong API keys from this address.", headers={"Retry-After": str(int(wait_s) + 1)}
            )
        self._auth.bad_keys.hit(address)
        raise NotAuthorizedException(
            "This key is unknown here, has expired, or was revoked. Create a new one on the settings page.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )

    async def _send_to_login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A program is told; a person is sent to the login, and comes back afterwards."""
        if _takes_keys(scope):
            raise NotAuthorizedException(
                "Log in, or send an API key: Authorization: Bearer rk_…", headers={"WWW-Authenticate": "Bearer"}
            )
        if is_htmx(scope):
            url = split_url(header(scope, b"hx-current-url"))
            answer = ASGIResponse(
                status_code=401, headers={"HX-Redirect": _login(url.path, url.query)}, media_type=MediaType.TEXT
            )
        else:
            own = (scope["path"], scope["query_string"].decode("latin-1"))
            target = _login(*own) if scope.get("method") in SAFE_METHODS else "/login"
            answer = ASGIResponse(status_code=303, headers={"Location": target}, media_type=MediaType.TEXT)
        await answer(scope, receive, send)

    # WebSockets

    def _judge_socket(self, scope: Scope) -> tuple[int, str] | None:
        if _is_open(scope):
            return None
        refusal = self._auth.origins.refusal(scope)
        if refusal is not None:
            return 403, refusal
        viewer = self.viewer_of(scope)
        if viewer is None:
            return 401, "Log in first."
        _let_in(scope, viewer)
        return None


def _let_in(scope: Scope, viewer: Viewer) -> None:
    scope["auth"] = scope["user"] = viewer
    connection = connection_of(scope)
    if connection is not None:
        connection.login()


def _is_open(scope: Scope) -> bool:
    return scope["route_handler"].opt.get("open") is True


def _changes(scope: Scope) -> bool:
    return cast("str", scope.get("method")) not in SAFE_METHODS


async def _soon(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A stranger's request is answered within a time, however slowly its body comes: it is held in memory meanwhile."""
    try:
        async with asyncio.timeout(OPEN_WITHIN_S) as limit:
            await app(scope, receive, send)
    except TimeoutError:
        if not limit.expired():
            raise
        raise HTTPException("The request took too long to arrive.", status_code=408) from None


def _takes_keys(scope: Scope) -> bool:
    return scope["path_template"].startswith("/api/") or scope["route_handler"].opt.get("api_key") is True


def require(viewer: Viewer, needed: KeyScope) -> None:
    """For what needs more than its route does: refuse a key that lacks the scope. A visitor may do what a key with the
    scope `read` may; another login everything."""
    if viewer.key is not None and not grants(viewer.key.scopes, needed):
        _permit(_lacks(viewer.key, needed))
    if viewer.visitor and not grants(VISIT, needed):
        _permit(ONLY_A_VISITOR)


def _beyond(key: ApiKey, scope: Scope) -> str | None:
    """Why a key may not do this, for a person; None when it may."""
    needed = needed_scope(cast("str", scope.get("method")), scope["route_handler"].opt)
    if needed is None:
        return "API keys can't do this; log in instead."
    return None if grants(key.scopes, needed) else _lacks(key, needed)


def _beyond_a_visit(scope: Scope) -> str | None:
    """Why a visitor may not do this; None when it may: the rule of keys with the scope `read`."""
    needed = needed_scope(cast("str", scope.get("method")), scope["route_handler"].opt)
    return None if needed is not None and grants(VISIT, needed) else ONLY_A_VISITOR


def _lacks(key: ApiKey, needed: Needed) -> str:
    return f"This key can only {key.may}; it needs the scope {needed}. Create a key with it on the settings page."


def _permit(refusal: str | None) -> None:
    if refusal is not None:
        raise PermissionDeniedException(f"This request was refused. {refusal}")


def _login(path: str, query: str) -> str:
    target = safe_next(f"{quote(path)}?{query}" if query else quote(path))
    return "/login" if target == "/" else f"/login?next={quote(target, safe='/')}"


async def _check_csrf(scope: Scope, receive: Receive, viewer: Viewer) -> None:
    """The token is in a header (htmx sends it with every request) or in a form's hidden field."""
    given = header(scope, b"x-csrf-token")
    if not given and header(scope, b"content-type").partition(";")[0].strip().lower() in _FORMS:
        length = header(scope, b"content-length")
        if not length.isdecimal() or int(length) > MAX_FORM:
            raise HTTPException("A form this large must be sent by the page's scripts.", status_code=413)
        field = (await Request[Any, Any, Any](scope, receive).form()).get("csrf")
        given = field if isinstance(field, str) else ""
    if not csrf_matches(given, viewer.secret):
        raise PermissionDeniedException(
            "This request was refused: its form belongs to an earlier login, or to none. Reload the page."
        )


async def _refuse_socket(receive: Receive, send: Send, status: int, reason: str) -> None:
    """Closed before it is accepted: the browser's handshake is answered 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4000 + status, "reason": reason[:120]})
