"""WebSockets from peers who cannot be trusted, that are freed the moment they are closed.

Messages are whole within a time and come in few pieces, pings are answered at a bounded rate, and what comes before the
Hello of a Sentry is small.

uvicorn, websockets and Litestar keep what belongs to a connection in circles, which only the garbage collector undoes;
it seldom comes to old objects here (`health.calm_garbage_collector`), and ten thousand links that come and go would
leave their buffers behind for hours. Each circle is broken where the connection ends.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from asyncio.transports import BaseTransport
from typing import Any

import structlog
from litestar import WebSocket
from litestar.types import Receive, Send
from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState, PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from rigfarm.commander.server.connections import LARGE_HELLO, Connection
from rigfarm.wire.codec import MAX_FRAME_BYTES

__all__ = ["LINK", "Socket", "WebSocketProtocol"]

LINK = "/link"

log = structlog.get_logger()

OPEN_WITHIN_S = 30.0
"""The answer to a handshake, however busy we are."""
MAX_HELLO = 512 << 10
"""Bytes: 5,000 tokens need half of it."""
MAX_PAGE_MESSAGE = 64 << 10
"""Bytes that a browser's page may say at once."""
MAX_FRAMES_UNGREETED = 16
WHOLE_WITHIN_S = 60.0
"""From the first byte of a message to its last."""
MAX_FRAGMENTS = 128
MAX_FRAMES_AT_ONCE = 2_000
"""Frames in what the system hands over at once (256 KiB): more are smaller than anything that we are sent."""
CONTROL_PER_S = 5.0
CONTROL_BURST = 50
"""Pings and pongs; a Sentry pings every ten seconds."""
CLOSE_WITHIN_S = 10.0
"""What was not read this long after the end is thrown away."""
POLICY = 1008
LATER = 1013


class Socket(WebSocket[Any, Any, Any]):
    """Litestar's; what it wraps around `receive` and `send` knows it weakly."""

    def receive_wrapper(self, receive: Receive) -> Receive:
        """Follow the state of the connection."""
        return WebSocket.receive_wrapper(weakref.proxy(self), receive)

    def send_wrapper(self, send: Send) -> Send:
        """Refuse to send to who is gone."""
        return WebSocket.send_wrapper(weakref.proxy(self), send)


class _Frames(ServerProtocol):
    """websockets' parser, which stops at what is too much instead of taking all that has arrived."""

    frames_left = MAX_FRAMES_AT_ONCE
    """Of what the system handed over at once."""
    frames_before_hello: int | None = None
    """How many more may come before a Sentry is greeted; None for no limit."""
    fragments = 0
    control_left = float(CONTROL_BURST)
    control_at = 0.0

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame if it is not one too many."""
        opcode = frame.opcode
        self.frames_left -= 1
        if self.frames_left < 0:
            self._too_much(f"sent more than {MAX_FRAMES_AT_ONCE} messages at once")
        if self.state is State.CONNECTING:
            self._too_much("sent messages before its WebSocket was open")
        if opcode is Opcode.PING or opcode is Opcode.PONG:
            now = time.monotonic()
            self.control_left = min(self.control_left + (now - self.control_at) * CONTROL_PER_S, CONTROL_BURST) - 1
            self.control_at = now
            if self.control_left < 0:
                self._too_much(f"sent more than {CONTROL_PER_S:.0f} pings a second")
        elif frame.fin:
            self.fragments = 0
        else:
            self.fragments += 1
            if self.fragments > MAX_FRAGMENTS:
                self._too_much(f"sent a message in more than {MAX_FRAGMENTS} pieces")
        if self.frames_before_hello is not None:
            self.frames_before_hello -= 1
            if self.frames_before_hello < 0:
                self._too_much(f"sent more than {MAX_FRAMES_UNGREETED} messages before a valid Hello")
        super().recv_frame(frame)

    def _too_much(self, kind: str) -> None:
        self.fail(POLICY, kind)
        raise ProtocolError(kind)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, with bounds. Compresses pages, and not the link: its logs are small, and compressed in the journal."""

    conn: _Frames

    def __init__(
        self, connection: Connection, config: Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.conn = _Frames(
            extensions=self.conn.available_extensions, max_size=config.ws_max_size, logger=self.conn.logger
        )
        self._connection = connection
        self._made = self.loop.time()
        self._partial_since: float | None = None
        self._closing_since: float | None = None

    # The connection

    def connection_made(self, transport: BaseTransport) -> None:
        """It was one of HTTP."""
        super().connection_made(transport)
        self._connection.peer = self
        self._connection.wait()

    def handle_connect(self, event: Request) -> None:
        """A client asks for a WebSocket."""
        self.conn.max_message_size = MAX_PAGE_MESSAGE
        if event.path.partition("?")[0] == LINK:
            self.conn.available_extensions = None
            self.conn.max_message_size = MAX_HELLO
            self.conn.frames_before_hello = MAX_FRAMES_UNGREETED
        super().handle_connect(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone. Its parser is a generator that holds the connection it belongs to."""
        super().connection_lost(exc)
        self._connection.end()
        self.conn.parser.close()

    def authenticated(self) -> None:
        """A Sentry was greeted, or a login shown."""
        if self.conn.frames_before_hello is not None:
            self.conn.frames_before_hello = None
            self.conn.max_message_size = MAX_FRAME_BYTES

    def abort(self) -> None:
        """End it at once; what was not sent is thrown away."""
        self.transport.abort()

    def unread(self) -> int:
        """Bytes that wait because the peer does not read."""
        return self.transport.get_write_buffer_size()

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        conn = self.conn
        conn.frames_left = MAX_FRAMES_AT_ONCE
        super().data_received(data)
        if conn.handshake_exc is not None:
            self._connection.note("asked for a WebSocket with a request that cannot be read", "refused")
            self._end(1006)
            return
        if conn.reader.buffer or conn.current_size is not None:
            if self._partial_since is None:
                self._partial_since = self.loop.time()
            if (
                conn.frames_before_hello is not None
                and len(conn.reader.buffer) + (conn.current_size or 0) > LARGE_HELLO
                and not self._connection.large_hello()
            ):
                self._violated("sent too many long messages before a Hello", LATER)
        else:
            self._partial_since = None

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        self._partial_since = None
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self.frames = []
            self._violated("sent text that is not UTF-8", 1007)
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer it, unless the peer does not read."""
        output = self.conn.data_to_send()
        if self.writable.is_set() and not self.transport.is_closing():
            self.transport.write(b"".join(output))

    def handle_parser_exception(self) -> None:
        """It broke the protocol, or a bound."""
        if self.transport.is_closing():
            return
        self._connection.note(_kind_of(self.conn.parser_exc), "its WebSocket was closed")
        self._end(1006)

    def _violated(self, kind: str, code: int) -> None:
        if not self.transport.is_closing():
            self._connection.note(kind, "its WebSocket was closed")
            self.conn.fail(code, kind)
            self._end(code)

    def _end(self, code: int) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def send_500_response(self) -> None:
        """For a handshake without an answer. One whose connection ended meanwhile can't be refused any more."""
        if not self.transport.is_closing():
            with contextlib.suppress(InvalidState):
                super().send_500_response()

    async def send(self, message: ASGISendEvent) -> None:
        """What is sent after we hung up is like what is sent to a peer who has gone; to hang up again does nothing."""
        if self.close_sent and message["type"] == "websocket.close":
            return
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)

    # Time

    def check(self, now: float) -> None:
        """End what takes too long."""
        if self.transport.is_closing():
            if self._closing_since is None:
                self._closing_since = now
            elif now - self._closing_since > CLOSE_WITHIN_S:
                self.transport.abort()
        elif self._partial_since is not None:
            if self.read_paused:
                self._partial_since = now  # it is us who wait
            elif now - self._partial_since > WHOLE_WITHIN_S:
                self._violated(f"sent a message that was not whole within {WHOLE_WITHIN_S:.0f} s", POLICY)
        elif not self.handshake_complete and now - self._made > OPEN_WITHIN_S:
            self._connection.note("asked for a WebSocket that could not be opened", "closed")
            self.transport.abort()


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


def _kind_of(error: Exception | None) -> str:
    """One of few texts: what a peer can vary would fill the list of incidents."""
    text = str(error)
    if isinstance(error, PayloadTooBig):
        return "sent a message that is too large"
    return text if text.startswith("sent ") else "broke the WebSocket protocol"
