"""The WebSocket `/link`: one per Sentry. It authenticates itself by the tokens of its Hello."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, TypeAlias

import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.link.link import Link, needs_signature
from rigfarm.commander.link.receive import receive
from rigfarm.commander.link.registry import Links
from rigfarm.commander.logs import UncheckedError
from rigfarm.commander.server.connections import connection_of
from rigfarm.wire.codec import FrameError, decode_up, encode
from rigfarm.wire.frames import PROTOCOL, Hello, Prove

__all__ = ["MALFORMED", "NOT_WELCOME", "NO_HELLO", "SLOW_DOWN", "link_socket"]

MALFORMED = 4400
NOT_WELCOME = 4401
NO_HELLO = 4408
SLOW_DOWN = 4429
FULL = 1013
HELLO_WITHIN_S = 10.0
GOODBYE_S = 2.0

log = structlog.get_logger()

Socket: TypeAlias = "WebSocket[Any, Any, Any]"


@websocket("/link", opt={"open": True})
async def link_socket(
    socket: WebSocket[Any, Any, Any], links: NamedDependency[Links], bad_tokens: NamedDependency[RateLimit]
) -> None:
    """Serve one Sentry until it goes."""
    address = socket.client.host if socket.client is not None else "?"
    if links.newcomers.over():  # a farm that returns all at once leaves room for pages
        await links.newcomers.next()
    await socket.accept()

    async def send(data: bytes) -> None:
        await socket.send_data(data, mode="binary")

    async def close(code: int, reason: str) -> None:
        with contextlib.suppress(ClientDisconnected):  # it has gone already
            await socket.close(code=code, reason=_short(reason))

    link = Link(links, address, send, close)
    try:
        if await _welcome(socket, links, link, bad_tokens):
            await _receive(socket, links, link, bad_tokens)
    except (WebSocketDisconnect, ClientDisconnected):  # noticed while we hear, or while we speak
        pass
    except FrameError as error:
        log.debug("link closed", address=address, error=str(error), sentry=link.version)
        link.limited("sent something that is not a frame of the link", f"its link was closed: {error}")
        await link.end(MALFORMED, str(error))
    finally:
        links.leave(link)


def _short(reason: str) -> str:
    """As much as a close frame may carry: 123 bytes."""
    return reason.encode()[:123].decode(errors="ignore")


async def _welcome(socket: Socket, links: Links, link: Link, bad_tokens: RateLimit) -> bool:
    """A Sentry may ask for proof first; then there must be a Hello with a good token."""
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            frame = decode_up(await socket.receive_data(mode="binary"))
            if isinstance(frame, Prove):
                await socket.send_data(encode(links.prove(link, frame)), mode="binary")
                frame = decode_up(await socket.receive_data(mode="binary"))
    except TimeoutError:
        await socket.close(code=NO_HELLO, reason="no Hello within 10 s")
        return False
    if not isinstance(frame, Hello):
        raise FrameError("the first frame must be a Hello")
    if links.newcomers.over():
        await links.newcomers.next()
    return await _greet(socket, links, link, frame, bad_tokens)


async def _greet(socket: Socket, links: Links, link: Link, hello: Hello, bad_tokens: RateLimit) -> bool:
    if hello.protocol != PROTOCOL:
        raise FrameError(f"protocol {hello.protocol}; this Commander speaks {PROTOCOL}: update the older of the two")
    if len(set(hello.tokens)) != len(hello.tokens):
        raise FrameError("a Hello names a token twice")
    wait_s = links.may_greet(link, hello)
    if wait_s is None:
        await socket.close(code=FULL, reason="this rig connects too often; try again in a minute")
        return False
    if wait_s:
        await asyncio.sleep(wait_s)
    welcome = links.greet(link, hello)
    unknown = sum(verdict.kind == "unknown" for verdict in welcome.verdicts)
    # One rig with a wrong token must not lock out the others behind the same address: who has a good one is heard.
    if unknown == len(welcome.verdicts) and bad_tokens.blocked(link.address):
        await socket.close(code=SLOW_DOWN, reason="too many bad tokens from this address; try again in a minute")
        return False
    if unknown:
        bad_tokens.hit(link.address)
        links.refused(link, unknown)
    good = any(verdict.kind == "ok" for verdict in welcome.verdicts)
    connection = connection_of(socket.scope)
    if good and connection is not None and not connection.greeted():
        await socket.close(code=FULL, reason="the Commander has no connection left for another rig")
        return False
    if needs_signature(welcome):
        link.tell(welcome)  # in one order with everything else that is signed
    else:
        await socket.send_data(encode(welcome), mode="binary")
    if not good:
        await asyncio.sleep(GOODBYE_S)
        await socket.close(code=NOT_WELCOME, reason="none of these tokens is good here")
        return False
    links.after_welcome(link)
    return True


async def _take(links: Links, link: Link, data: bytes) -> Hello | None:
    try:
        return receive(links, link, data)
    except UncheckedError as unchecked:
        assert link.newcomer is not None
        await links.doubles.learn(link.newcomer, unchecked)
        return receive(links, link, data)


async def _receive(socket: Socket, links: Links, link: Link, bad_tokens: RateLimit) -> None:
    turns = links.turns
    while not link.closed:
        data = await socket.receive_data(mode="binary")
        if turns.over():
            await turns.next()
        hello = await _take(links, link, data)
        if hello is not None and not await _greet(socket, links, link, hello, bad_tokens):
            return
        await link.pay()
