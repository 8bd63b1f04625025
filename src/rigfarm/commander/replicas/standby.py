"""What a replica answers that does not lead: 502, as a gateway with nothing behind it, so that a balancer asks another
one. No Commander that leads answers that."""

from __future__ import annotations

from typing import cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Switch"]

_WORDS = (
    b"This Commander is a standby of the farm: another one leads, and this one takes over when it is gone. "
    b"Use the address of the farm.\n"
)
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2"), (b"cache-control", b"no-store")]


class Switch:
    """An ASGI application: that of the Commander once this replica leads, until then `standby`."""

    def __init__(self) -> None:
        self._app: ASGIApp = standby

    def lead(self, app: ASGIApp) -> None:
        """From now on, `app` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)


async def standby(scope: Scope, receive: Receive, send: Send) -> None:
    """/healthz says that the process is alive; everything else is refused."""
    del receive
    alive = scope["path"] == "/healthz"
    kind = "http" if scope["type"] == ScopeType.HTTP else "websocket.http"
    start = {"type": f"{kind}.response.start", "status": 200 if alive else 502, "headers": _HEADERS}
    body = {"type": f"{kind}.response.body", "body": b'{"status":"standby"}' if alive else _WORDS, "more_body": False}
    for event in (start, body):
        await send(cast("Message", event))
