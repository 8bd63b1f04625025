"""HTTP from peers who cannot be trusted: the head of a request is small and comes soon, its body comes at a least rate,
its answer is read at a least rate, and few requests wait on one connection. uvicorn bounds none of this."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httptools
import structlog
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from rigfarm.commander.server.connections import Connection, Standing
from rigfarm.commander.server.web_sockets import WebSocketProtocol

__all__ = ["HttpProtocol"]

log = structlog.get_logger()

HEAD_WITHIN_S = 15.0
MAX_HEAD = 64 << 10
"""Bytes; a browser's cookies of other programs on the same host included."""
MAX_HEADERS = 100
MAX_PIPELINED = 8
"""Requests that wait on one connection for the answer to an earlier one."""
IDLE_S = 5.0
"""How long a connection is kept for a next request."""
GRACE_S = 20.0
"""A body or an answer may stand still for so long; then its average counts."""
LEAST_RATE = 1 << 10
"""Bytes a second, of a body that is sent and of an answer that is read."""
STRANGER_WITHIN_S = 600.0
"""A request of a stranger, its answer included: a self-contained Sentry is the longest."""
REQUEST_WITHIN_S = 7_200.0
"""The same, with a login, an API key or from a known address."""
MAX_FRAMING = 256 << 10
FRAMING_PER_BYTE = 8
"""Bytes of chunk sizes, extensions and trailers around a body, and as many more for each of its bytes."""
LINGER_S = 2.0
MAX_LINGER = 1 << 20
"""Bytes of an unwanted body, read and thrown away so that the peer reads the answer before the end."""
CLOSE_WITHIN_S = 10.0
"""What was not read this long after the end is thrown away."""

_CLOSE = (b"connection", b"close")


class _RefusedError(Exception):
    """Raised inside the parser's callbacks, to end its work on what has arrived."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP over httptools, with bounds."""

    def __init__(
        self, connection: Connection, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, server_state, {**app_state, "connection": connection})
        # Called like the class that uvicorn expects.
        self.ws_protocol_class = partial(WebSocketProtocol, connection)  # type: ignore[assignment]  # uvicorn calls it, and never asks for its type
        self.timeout_keep_alive = int(IDLE_S)
        self._connection = connection
        self._running: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the latest to arrive."""
        self._head_since: float | None = None
        self._head_bytes = 0
        self._request_since: float | None = None
        """When the head of the request under way was whole; None when none is."""
        self._body_since: float | None = None
        self._body_bytes = 0
        self._framing = 0
        self._checked = self.loop.time()
        self._unread_since: float | None = None
        self._unread_bytes = 0
        self._closing_since: float | None = None
        self._linger_until: float | None = None
        self._lingered = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn types it so, asyncio more widely
        """A new connection."""
        super().connection_made(transport)
        if self._connection.ended:  # it made room for another one in the meantime
            transport.abort()
            return
        self._connection.peer = self
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._forget_request()
        self._running = None
        self._connection.end()

    def authenticated(self) -> None:
        """Nothing changes on this connection but what it may take."""

    def abort(self) -> None:
        """End it at once; what was not sent is thrown away, and what is sent from now on too."""
        self._forget_request()
        self.transport.abort()

    def _forget_request(self) -> None:
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def unread(self) -> int:
        """Bytes that wait because the peer does not read."""
        return self.transport.get_write_buffer_size()

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._linger_until is not None:
            self._lingered += len(data)
            if self._lingered > MAX_LINGER:
                self.transport.close()
            return
        self._unset_keepalive_if_required()
        if self._head_since is None and (self.cycle is None or self.cycle.response_complete):
            self._await_head()
        body_under_way = self._body_since is not None
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
            self.cycle.keep_alive = False  # another protocol than ours would follow
        except httptools.HttpParserError as error:
            refused = error.__context__
            self._refuse(
                *(refused.args if isinstance(refused, _RefusedError) else (400, "sent something other than HTTP"))
            )
            return
        if self._head_since is not None and self._head_bytes > MAX_HEAD:
            self._refuse(431, f"sent a head of more than {MAX_HEAD >> 10} KiB")
        elif body_under_way and self._body_since is not None:
            self._framing += len(data)
            if self._framing > MAX_FRAMING + FRAMING_PER_BYTE * self._body_bytes:
                self._refuse(400, "sent a body that is almost only framing")

    def handle_websocket_upgrade(self) -> None:
        """It becomes a WebSocket, and this protocol hears of it no more."""
        try:
            super().handle_websocket_upgrade()
        except Exception as error:  # noqa: BLE001 - whatever a strange request line makes it raise
            log.debug("a WebSocket could not be opened", address=self._connection.address, error=repr(error))
            self._connection.note("asked for a WebSocket with a request that cannot be read", "closed")
            self.transport.abort()
            self._connection.end()
        # As uvicorn does when a connection is lost: the parser holds this protocol.
        self.parser = None  # type: ignore[assignment]  # the circle of parser and protocol ends

    def on_message_begin(self) -> None:
        """The first bytes of a request."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedError(429, f"sent more than {MAX_PIPELINED} requests without waiting for their answers")
        if self._head_since is None:
            self._await_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more header, or trailer."""
        if len(self.headers) >= MAX_HEADERS:
            raise _RefusedError(431, f"sent more than {MAX_HEADERS} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All of its head is here."""
        self._head_since = None
        self._request_since = self._body_since = self.loop.time()
        self._body_bytes = self._framing = 0
        self._connection.work()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._body_bytes += len(body)
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._body_since = None
        super().on_message_complete()

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, partial(self._answer, cycle, app))

    async def _answer(
        self,
        cycle: RequestResponseCycle,
        app: ASGI3Application,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        """Run the application. If it answers before it has the whole body, the peer learns that the connection ends,
        and `on_response_complete` ends it once the answer could be read."""

        async def send_and_close(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start" and cycle.more_body:
                message["headers"] = [*message.get("headers", ()), _CLOSE]
                await send(message)
                cycle.keep_alive = True  # else uvicorn hangs up with the last piece of the answer
            else:
                await send(message)

        try:
            await app(scope, receive, send_and_close if cycle.more_body else send)
        except Exception as error:
            if not cycle.disconnected:
                raise
            # The peer has gone, and whatever failed for that reason is of no interest.
            log.debug("a request was broken off", address=self._connection.address, error=repr(error))

    def on_response_complete(self) -> None:
        """The answer was handed to the system."""
        if not self.pipeline:
            self._request_since = None
            self._connection.wait()
            if self._body_since is not None and not self.transport.is_closing():
                self._linger()
                return
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The peer does not read as fast as we write."""
        self._unread_since, self._unread_bytes = self.loop.time(), self.transport.get_write_buffer_size()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read enough."""
        self._unread_since = None
        super().resume_writing()

    # Time

    def check(self, now: float) -> None:
        """End what takes too long."""
        elapsed, self._checked = now - self._checked, now
        if self.transport.is_closing():
            if self._closing_since is None:
                self._closing_since = now
            elif now - self._closing_since > CLOSE_WITHIN_S:
                self.transport.abort()
        elif self._linger_until is not None:
            if now > self._linger_until:
                self.transport.close()
        elif self._head_since is not None and now - self._head_since > HEAD_WITHIN_S:
            self._refuse(None, f"did not finish a request within {HEAD_WITHIN_S:.0f} s")
        elif self._request_since is not None and now - self._request_since > self._most_s():
            self._refuse(408, f"took more than {self._most_s():.0f} s for one request")
        elif self._unread_since is not None:
            read = self._unread_bytes - self.transport.get_write_buffer_size()
            if _too_slow(now - self._unread_since, read):
                self._refuse(None, f"read an answer at less than {LEAST_RATE >> 10} KiB/s")
        elif self._body_since is not None:
            if self.flow.read_paused:
                self._body_since += elapsed  # it is us who wait
            elif _too_slow(now - self._body_since, self._body_bytes):
                self._refuse(408, f"sent a request's body at less than {LEAST_RATE >> 10} KiB/s")

    def _most_s(self) -> float:
        return STRANGER_WITHIN_S if self._connection.standing is Standing.STRANGER else REQUEST_WITHIN_S

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_since = self.loop.time()

    def _linger(self) -> None:
        """The rest of the body is thrown away for a moment: to hang up on what the peer still sends would make its
        system throw away our answer."""
        self._linger_until = self.loop.time() + LINGER_S
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _refuse(self, status: int | None, kind: str) -> None:
        """Note it, answer if that is possible, and hang up."""
        self._connection.note(kind, "closed")
        self._head_since = self._body_since = self._request_since = None
        if self.transport.is_closing():
            return
        cycle = self._running
        if status is not None and (cycle is None or cycle.response_complete or not cycle.response_started):
            text = f"This request was refused: it {kind}.\n".encode()
            head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head % len(text) + text)
        self._forget_request()
        self.pipeline.clear()
        if status is None:
            self.transport.abort()
        else:
            self._linger()


def _too_slow(seconds: float, size: int) -> bool:
    return seconds > GRACE_S and size < seconds * LEAST_RATE
