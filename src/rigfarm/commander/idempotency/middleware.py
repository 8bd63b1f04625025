"""Carries out a request with an `Idempotency-Key` once, and answers it again as it was answered the first time.

Behind the gate, for every POST of the API alike: no route has code for it.
"""

from __future__ import annotations

from typing import cast

import structlog
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send
from litestar.types.asgi_types import HTTPRequestEvent
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth import Viewer
from rigfarm.commander.auth.scopes import repeatable
from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.idempotency.store import Answer, Answers, Asked, digest_of
from rigfarm.commander.web.headers import header

__all__ = ["Idempotent"]

log = structlog.get_logger()

MAX_KEY = 255
MAX_BODY = 1 << 20
"""Of an answer that is kept, and of a request whose route takes any."""


class Idempotent(ASGIMiddleware):
    """For `Litestar(middleware=[gate, …])`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Carry it out, or answer it again."""
        if scope["type"] != ScopeType.HTTP or not (key := header(scope, b"idempotency-key")):
            await next_app(scope, receive, send)
            return
        if not repeatable(scope["path_template"], scope["method"], scope["route_handler"].opt):
            await next_app(scope, receive, send)
            return
        if len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
            raise HTTPException(f"Idempotency-Key is 1 to {MAX_KEY} visible ASCII characters.", status_code=400)
        handler = cast("HTTPRouteHandler", scope["route_handler"])
        body = await _whole(receive, handler.resolve_request_max_body_size() or MAX_BODY)
        asked = _asked(scope, key, body)
        found = self._answers.known(asked)
        if asked.id_hash in self._answers.under_way:
            raise HTTPException(
                "A request with this Idempotency-Key is under way. Send it again in a moment.",
                status_code=409,
                headers={"Retry-After": "1"},
            )
        if found is not None:
            await self._answer_again(asked, found.request_hash, found.answered, scope, receive, send)
            return
        self._answers.under_way.add(asked.id_hash)
        try:
            await self._answers.begin(asked)
            await self._carry_out(asked, _uncompressed(scope), _given(body, receive), send, next_app)
        finally:
            self._answers.under_way.discard(asked.id_hash)

    async def _carry_out(self, asked: Asked, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """The answer waits until it is stored. A refusal changed nothing and is forgotten. After a fault of ours
        that is not known: it stays begun, and is not carried out again."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        try:
            await app(scope, receive, collect)
            answer = _answer_of(messages)
            if answer.status < 400 and len(answer.body) <= MAX_BODY:
                await self._answers.end(asked, answer)
            elif answer.status >= 400 and answer.status != 500:
                await self._answers.forget(asked)
        except (SQLAlchemyError, OSError) as error:
            if not messages:
                raise
            log.error("the answer to a request with a key could not be stored", error=str(error))
        for message in messages:
            await send(message)

    async def _answer_again(
        self, asked: Asked, request_hash: bytes, answered: bool, scope: Scope, receive: Receive, send: Send
    ) -> None:
        nothing_changed()
        if request_hash != asked.request_hash:
            raise HTTPException(
                "This Idempotency-Key was used for another request. Use a new one for each request.", status_code=422
            )
        answer = await self._answers.answer(asked) if answered else None
        if answer is None:
            raise HTTPException(
                "A request with this Idempotency-Key was begun, and its answer is not known: the Commander stopped or "
                "failed meanwhile, or it was too large. Check whether it was carried out; if not, use a new key.",
                status_code=409,
            )
        again = ASGIResponse(
            body=answer.body,
            status_code=answer.status,
            headers={"Idempotent-Replayed": "true"},
            media_type=answer.media_type.decode("latin-1"),
        )
        await again(scope, receive, send)


def _asked(scope: HTTPScope, key: str, body: bytes) -> Asked:
    """A key belongs to the API key or login that sends it."""
    viewer = cast("Viewer", scope["auth"])
    secret = viewer.secret or header(scope, b"authorization").partition(" ")[2].strip()
    what = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    return Asked(
        digest_of(secret, b"id", key.encode()),
        digest_of(secret, b"request", *what),
        digest_of(secret, b"seal", key.encode()),
    )


async def _whole(receive: Receive, most: int) -> bytes:
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException("The request was broken off.", status_code=400)
        pieces.append(message["body"])
        size += len(message["body"])
        if size > most:
            raise HTTPException("The body is too large.", status_code=413)
        if not message.get("more_body"):
            return b"".join(pieces)


def _given(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then whatever comes."""
    given = False

    async def once() -> ReceiveMessage:
        nonlocal given
        if given:
            return await receive()
        given = True
        return HTTPRequestEvent(type="http.request", body=body, more_body=False)

    return once


def _uncompressed(scope: HTTPScope) -> Scope:
    """The answer is for another time, and perhaps for a client that cannot unpack it."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return cast("Scope", {**scope, "headers": kept})


def _answer_of(messages: list[Message]) -> Answer:
    status, media_type, body = 500, b"application/json", b""
    for message in messages:
        if message["type"] == "http.response.start":
            status = message["status"]
            media_type = next((value for name, value in message["headers"] if name == b"content-type"), media_type)
        elif message["type"] == "http.response.body":
            body += message["body"]
    return Answer(status, media_type, body)
