"""Headers that tell a browser what our pages never do, so that an injected piece of page cannot do it either."""

from __future__ import annotations

from functools import lru_cache

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from rigfarm.commander.auth.changes import ChangeLog, LoggedChanges
from rigfarm.commander.auth.connection import host_of, is_https
from rigfarm.commander.settings import Settings

__all__ = ["WITH_CAMERA", "SecureHeaders", "harden"]

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "manifest-src 'self'",
        "connect-src 'self'{sockets}",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_NO_DEVICES = "microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: that would make browsers send "Origin: null" with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", f"camera=(), {_NO_DEVICES}".encode()),
]
WITH_CAMERA = {"permissions-policy": f"camera=(self), {_NO_DEVICES}"}
"""For the answers of a page that reads codes by the camera; no other may."""
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")


@lru_cache(64)
def _policy(host: str) -> bytes:
    """Old browsers do not take 'self' to mean our own WebSockets, so they are named."""
    sockets = f" ws://{host} wss://{host}" if host else ""
    return _POLICY.format(sockets=sockets).encode()


class SecureHeaders:
    """Adds them to every HTTP response, errors and unknown paths included. A response's own header of a name stays."""

    def __init__(self, app: ASGIApp, public_url: str | None, *, hsts: bool = False) -> None:
        """`hsts`: have browsers insist on https for this host, all its ports included."""
        self._app = app
        self._public_url = public_url
        self._hsts = hsts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the connection on; WebSockets as they are."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._missing(scope, {k for k, _ in message["headers"]})]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _missing(self, scope: Scope, there: set[bytes]) -> list[tuple[bytes, bytes]]:
        headers = [*_ALWAYS, (b"content-security-policy", _policy(host_of(scope)))]
        if self._hsts and is_https(scope, self._public_url):
            headers.append(_HSTS)
        if not scope["path"].startswith("/static/"):
            headers.append(_NO_STORE)
        return [one for one in headers if one[0] not in there]


def harden(app: Litestar, settings: Settings, change_log: ChangeLog, *, own_certificate: bool = False) -> None:
    """Put secure headers, the log of changes, and belief in trusted proxies only, around the whole application: its own
    middlewares would miss requests that match no route.

    With the Commander's own certificate browsers are not told to insist on https: where one insists, no user gets past
    its warning any more, nor to anything else on that machine."""
    secured = SecureHeaders(app.asgi_handler, settings.public_url, hsts=not own_certificate)
    handler: ASGIApp = LoggedChanges(secured, change_log)
    if settings.trusted_proxies:
        handler = ProxyHeadersMiddleware(handler, settings.trusted_proxies)  # type: ignore[arg-type,assignment]  # uvicorn and Litestar type the same ASGI differently
    app.asgi_handler = handler
