"""The gallery as a web application, with the headers of the real one and a socket that whoever runs it may speak by."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from litestar import Litestar, MediaType, Response, WebSocket, get, websocket
from litestar.exceptions import NotFoundException, WebSocketDisconnect
from litestar.params import FromPath

from rigfarm.commander.auth.headers import SecureHeaders
from rigfarm.commander.web import assets
from support.gallery.pages import HERE, Gallery

__all__ = ["GalleryServer"]

GONE = (WebSocketDisconnect, OSError)
"""What a page that is just being closed answers: the server knows it before the socket's own task does."""


class GalleryServer:
    """`app` serves the pages; `say` sends a frame to every page that is open."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.heard: list[str] = []
        """What pages said."""
        self.mute = False
        """Whether it hears and says nothing, as a line that is dead."""
        self._open: set[WebSocket[Any, Any, Any]] = set()
        self.app = Litestar([*assets.static_routes, *self._routes()], openapi_config=None, logging_config=None)
        self.app.asgi_handler = SecureHeaders(self.app.asgi_handler, None)

    @property
    def open(self) -> int:
        """How many pages are connected."""
        return len(self._open)

    async def say(self, *frames: str) -> None:
        """Send frames to every open page."""
        for socket in tuple(self._open):
            with contextlib.suppress(*GONE):
                for frame in frames:
                    await socket.send_data(frame, mode="text")

    async def hang_up(self, code: int = 1012) -> None:
        """Close every page's socket."""
        for socket in tuple(self._open):
            with contextlib.suppress(*GONE):
                await socket.close(code=code)

    def _routes(self) -> list[Any]:
        @get("/", sync_to_thread=False, media_type=MediaType.HTML)
        def contents() -> str:
            links = "".join(f'<li><a href="{HERE}/{name}">{name}</a></li>' for name in self.gallery.names())
            return f"<!doctype html><title>Gallery</title><ul>{links}</ul>"

        @get(HERE + "/{name:str}", sync_to_thread=False)
        def page(name: FromPath[str]) -> Response[str]:
            try:
                return Response(self.gallery.render(name), media_type=MediaType.HTML)
            except KeyError:
                raise NotFoundException(f"There is no page {name}.") from None

        @websocket("/live")
        async def live(socket: WebSocket[Any, Any, Any]) -> None:
            await socket.accept()
            self._open.add(socket)
            try:
                await socket.send_data('{"event":"snapshot"}', mode="text")
                while True:
                    text = await socket.receive_data(mode="text")
                    self.heard.append(text)
                    if "ping" in text and not self.mute:
                        await socket.send_data('{"event":"pong"}', mode="text")
            except (WebSocketDisconnect, asyncio.CancelledError):
                pass
            finally:
                self._open.discard(socket)

        return [contents, page, live]
