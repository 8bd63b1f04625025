"""One line in the log for every change: who made it, from where, what, to what, and what came of it. It is in one
place, around the whole application and the control socket: a new route needs no code for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from rigfarm.commander.auth.connection import address_of
from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.auth.scopes import SAFE_METHODS, changes_something
from rigfarm.commander.changes import Change, change_under_way, short
from rigfarm.commander.incidents import Incidents

__all__ = ["ChangeLog", "LoggedChanges"]

log = structlog.get_logger()

REFUSED_LINES = 10
"""Lines a minute about refusals of one request to one person or program; the others are counted with the incidents."""
_TAKEN = frozenset(("event", "who", "address", "did", "result", "level", "timestamp", "exception"))
"""Names that a line has for itself."""


class ChangeLog:
    """Writes the lines."""

    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents
        self._refused = RateLimit(REFUSED_LINES)

    @contextmanager
    def of(self, change: Change) -> Iterator[None]:
        """Log a change once, when the block ends, however it ends."""
        try:
            with change_under_way(change):
                yield
        finally:
            self._write(change)

    def _write(self, change: Change) -> None:
        if not change.who or not change.outcome:
            return
        who = short(change.who)
        if change.outcome != "changed":
            key = f"{who} {change.address} {change.did}".replace(":", "|")
            if self._refused.blocked(key):
                self._incidents.note(who, "repeated a refused request many times", "not every repeat is logged")
                return
            self._refused.hit(key)
        facts = {name: value for name, value in change.facts.items() if name not in _TAKEN}
        log.info(change.outcome, who=who, address=change.address, did=short(change.did), **facts, result=change.result)


class LoggedChanges:
    """Sees the status of every answer, also of those that exception handlers make."""

    def __init__(self, app: ASGIApp, change_log: ChangeLog) -> None:
        self._app = app
        self._log = change_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the connection on; what may change something is watched."""
        if scope["type"] != ScopeType.HTTP or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        request: HTTPScope = scope
        change = Change("", address_of(scope))

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                _judge(change, request, message["status"])
            await send(message)

        with self._log.of(change):
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                _name(change, request)


def _judge(change: Change, scope: HTTPScope, status: int) -> None:
    handler = scope.get("route_handler")
    change.result = str(status)
    if handler is None or not changes_something(scope["method"], handler.opt):
        change.outcome = ""
    elif status < 400:
        change.outcome = "changed"
    else:
        change.outcome = "refused" if status < 500 else "failed"


def _name(change: Change, scope: HTTPScope) -> None:
    """The route as its author wrote it, and what its path says: never the query, never the body."""
    known = cast("dict[str, Any]", scope)
    change.did = f"{scope['method']} {known.get('path_template', '')}"
    parameters: dict[str, object] = known.get("path_params") or {}
    change.facts = {name: str(value)[:40] for name, value in parameters.items()} | change.facts
