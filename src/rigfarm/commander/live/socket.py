"""The WebSocket `/live?page=/rigs%3Fsort%3Dname`: one per open page of a browser.

The gate has checked the login and the origin before this runs; the end of the login closes the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeAlias

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromQuery
from uvicorn.protocols.utils import ClientDisconnected

from rigfarm.commander.live.hub import Hub
from rigfarm.commander.live.routes import PageRoutes
from rigfarm.commander.live.session import LiveSessions, PageSession

__all__ = ["live_socket"]

LOGIN_ENDED = 4401
NO_SUCH_PAGE = 4404
TOO_MANY = 4429
MAX_MESSAGE = 4 << 10
PONG = '{"event":"pong"}'

log = structlog.get_logger()

Socket: TypeAlias = "WebSocket[Any, Any, Any]"

_message = msgspec.json.Decoder(dict[str, object])


@websocket("/live")
async def live_socket(
    socket: WebSocket[Any, Any, Any],
    hub: NamedDependency[Hub],
    live: NamedDependency[LiveSessions],
    pages: NamedDependency[PageRoutes],
    page: FromQuery[str] = "/",
) -> None:
    """Serve one page until the browser leaves it."""
    await socket.accept()
    shown = pages.find(page)
    try:
        if shown is None:
            await socket.close(code=NO_SUCH_PAGE, reason="no such page")
            return
        if live.full:
            await socket.close(code=TOO_MANY, reason="too many open pages")
            return
    except ClientDisconnected:
        return
    owner: bytes = socket.auth.session.id_hash

    async def send(frame: str) -> None:
        await socket.send_data(frame, mode="text")

    session = PageSession(hub, shown, send, owner, live.around)
    ended = asyncio.Event()
    live.add(session, ended.set)
    if not live.still_good(owner):
        ended.set()  # the login ended between the gate and here
    tasks = [
        asyncio.create_task(session.run(), name=f"page {page}"),
        asyncio.create_task(_listen(socket, session), name=f"listen {page}"),
        asyncio.create_task(ended.wait(), name=f"end {page}"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            if error is not None and not isinstance(error, WebSocketDisconnect | ClientDisconnected):
                log.error("a live page failed", page=page, exc_info=error)
    finally:
        live.discard(session)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        session.left()
        if socket.connection_state != "disconnect":
            code, reason = (LOGIN_ENDED, "the login has ended") if ended.is_set() else (1011, "try again")
            with contextlib.suppress(WebSocketDisconnect, ClientDisconnected, RuntimeError):
                await socket.close(code=code, reason=reason)


async def _listen(socket: Socket, session: PageSession) -> None:
    while True:
        text = await socket.receive_data(mode="text")
        if len(text) > MAX_MESSAGE:
            continue
        try:
            message = _message.decode(text)
        except (msgspec.DecodeError, RecursionError):
            continue  # a page never sends anything else; another client gets no answer
        if "ping" in message:
            session.say(PONG)
        else:
            await session.page.hear(message)
