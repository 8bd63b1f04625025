"""A bound on what a stranger can make the Commander hold before it knows what is asked: the head of a request comes
soon and is small, or its connection is closed. uvicorn waits for ever, and takes any number of headers."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BoundedHeads"]

WITHIN_S = 15.0
MAX_BYTES = 64 << 10
"""A browser's cookies of other programs on the same host included."""


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's HTTP over httptools. Bodies and answers take as long as they take: their routes bound them."""

    _head_ends: asyncio.TimerHandle | None = None
    """Set while a head is awaited or on its way."""
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A new connection."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._has_head()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """It becomes a WebSocket, and this protocol hears of it no more."""
        super().handle_websocket_upgrade()
        # As uvicorn does when a connection is lost: the parser holds this protocol.
        self.parser = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_ends is not None and self._head_bytes > MAX_BYTES:
            self._hang_up()

    def on_message_begin(self) -> None:
        """The first bytes of a request."""
        if self._head_ends is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """All of its head is here."""
        self._has_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_ends = self.loop.call_later(WITHIN_S, self._hang_up)

    def _has_head(self) -> None:
        if self._head_ends is not None:
            self._head_ends.cancel()
            self._head_ends = None

    def _hang_up(self) -> None:
        self._has_head()
        if not self.transport.is_closing():
            self.transport.close()
