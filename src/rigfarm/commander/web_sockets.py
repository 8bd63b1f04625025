"""WebSockets that are freed the moment they are closed.

uvicorn, websockets and Litestar keep what belongs to a connection in circles, which only the garbage collector undoes;
it seldom comes to old objects here (`health.calm_garbage_collector`), and ten thousand links that come and go would
leave their buffers behind for hours. Each circle is broken where the connection ends.
"""

from __future__ import annotations

import weakref
from typing import Any

from litestar import WebSocket
from litestar.types import Receive, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

__all__ = ["LINK", "Socket", "WebSocketProtocol"]

LINK = "/link"


class Socket(WebSocket[Any, Any, Any]):
    """Litestar's; what it wraps around `receive` and `send` knows it weakly."""

    def receive_wrapper(self, receive: Receive) -> Receive:
        """Follow the state of the connection."""
        return WebSocket.receive_wrapper(weakref.proxy(self), receive)

    def send_wrapper(self, send: Send) -> Send:
        """Refuse to send to who is gone."""
        return WebSocket.send_wrapper(weakref.proxy(self), send)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's. Compresses pages, and not the link: its logs are small, and compressed in the journal."""

    def handle_connect(self, event: Request) -> None:
        """Somebody asks for a WebSocket."""
        if event.path.partition("?")[0] == LINK:
            self.conn.available_extensions = None
        super().handle_connect(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone. Its parser is a generator that holds the connection it belongs to."""
        super().connection_lost(exc)
        self.conn.parser.close()
