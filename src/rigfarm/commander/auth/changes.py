"""One line in the log and one entry of the activity for every change: who made it, from where, what, to what, and what
came of it. It is in one place, around the whole application and the control socket: a new route needs no code for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from rigfarm.commander.auth.connection import address_of
from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.auth.scopes import SAFE_METHODS, changes_something
from rigfarm.commander.changes import Change, change_under_way, short
from rigfarm.commander.server.incidents import Incidents

__all__ = ["ChangeLog", "LoggedChanges", "Record"]

log = structlog.get_logger()

Record: TypeAlias = Callable[[Change], Awaitable[None]]
"""Takes a change that has ended, and returns once it is stored; it does not raise."""
REFUSED_LINES = 10
"""Lines a minute about refusals of one request to one person or program; the others are counted with the incidents."""
_TAKEN = frozenset(("event", "who", "address", "did", "result", "level", "timestamp", "exception"))
"""Names that a line has for itself."""


async def _only_the_log(_: Change) -> None:
    """Where nothing stores changes."""


class ChangeLog:
    """Writes the lines, and hands each change on."""

    def __init__(self, incidents: Incidents, record: Record = _only_the_log) -> None:
        self._incidents = incidents
        self._record = record
        self._refused = RateLimit(REFUSED_LINES)

    @asynccontextmanager
    async def of(self, change: Change) -> AsyncIterator[None]:
        """Log and store a change once, when the block ends, however it ends."""
        try:
            with change_under_way(change):
                yield
        finally:
            await self.finish(change)

    async def finish(self, change: Change) -> None:
        """It has ended: log and store it, unless it was a look or a stranger's. At most once for each change."""
        who, change.who = change.who, None
        if who is None or not change.outcome:
            return
        line = short(who.label)
        if change.outcome != "changed":
            key = f"{line} {change.address} {change.did}".replace(":", "|")
            if self._refused.blocked(key):
                self._incidents.note(line, "repeated a refused request many times", "not every repeat is logged")
                return
            self._refused.hit(key)
        change.who = who
        facts = {name: value for name, value in change.facts.items() if name not in _TAKEN}
        log.info(change.outcome, who=line, address=change.address, did=short(change.did), **facts, result=change.result)
        await self._record(change)
        change.who = None


class LoggedChanges:
    """Sees the status of every answer, also of those that exception handlers make. An answer waits until its change is
    stored."""

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
                _name(change, request)
                await self._log.finish(change)
            await send(message)

        async with self._log.of(change):
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
    handler = known.get("route_handler")
    if not change.action and handler is not None:
        change.action = handler.handler_name.rpartition(".")[2].replace("_", " ")
    parameters: dict[str, object] = known.get("path_params") or {}
    change.facts = {name: str(value)[:40] for name, value in parameters.items()} | change.facts
