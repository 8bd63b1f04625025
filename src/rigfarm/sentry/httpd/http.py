"""A small HTTP/1.1 server: h11 over asyncio streams, with a bound on everything a client can make it hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import structlog

from rigfarm.sentry.httpd.peer import Address, is_administrator

__all__ = ["BadRequestError", "Connections", "Request", "Response", "redirect"]

log = structlog.get_logger()

MAX_CONNECTIONS = 64
"""Of one listening socket; another one ends the one that has been open longest."""
MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 1 << 20
MAX_STRANGERS_BODY_BYTES = 16 << 10
MAX_FIELDS = 5_000
"""A scan may find some thousand devices, each with a box to tick."""
REQUEST_WITHIN_S = 15.0
"""A request, from its first byte to its last; and how long a kept connection may be silent."""


class BadRequestError(Exception):
    """What a client sent cannot be answered as it meant; (status, sentence)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: str
    """The client's address; empty over the Unix socket."""
    ends: tuple[Address, Address] | None
    """The client's end of the TCP connection, and ours; None over the Unix socket."""
    params: Mapping[str, str]
    """What stood in the places of the route's pattern."""

    @property
    def local(self) -> bool:
        """Over the Unix socket: only root and the Sentry's own user reach it."""
        return self.ends is None

    def form(self) -> dict[str, str]:
        """Fields of a posted form; the last of several with the same name."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise BadRequestError(415, "Only forms are accepted here.")
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise BadRequestError(400, "The form cannot be read.") from None
        return dict(pairs)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return None


class Response(NamedTuple):
    """One answer."""

    body: str | bytes = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def redirect(path: str, *headers: tuple[str, str]) -> Response:
    """Go on to another page of ours."""
    return Response(status=303, headers=(("Location", path), *headers))


Handler = Callable[[Request], Awaitable[Response]]
Trusted = Callable[[Request], bool]


class Connections:
    """Serves the connections of one listening socket with one handler, which must not raise.

    `trusted` says by a request's head whether its sender may send as much as an administrator may.
    """

    def __init__(self, handler: Handler, trusted: Trusted) -> None:
        self._handler = handler
        self._trusted = trusted
        self._open: dict[asyncio.Task[None], None] = {}
        self._ended: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; what `asyncio.start_server` wants."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= MAX_CONNECTIONS:
            self._end(next(iter(self._open)))
        self._open[task] = None
        try:
            await self._connection(reader, writer)
        except (ConnectionError, TimeoutError, h11.RemoteProtocolError, h11.LocalProtocolError):
            pass  # its client went away, or does not speak HTTP
        except asyncio.CancelledError:
            # Ended by us: asyncio's streams complain loudly of a connection that ends cancelled.
            if task not in self._ended:
                raise
        finally:
            self._open.pop(task, None)
            self._ended.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)
        self._ended.add(task)
        task.cancel()

    async def close(self) -> None:
        """End all connections."""
        tasks = list(self._open)
        for task in tasks:
            self._end(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        ends = ((str(peer[0]), int(peer[1])), (str(own[0]), int(own[1]))) if isinstance(peer, tuple) else None
        if ends is None and not is_administrator(writer.get_extra_info("socket")):
            return
        wire = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        while True:
            head_only = False
            try:
                async with asyncio.timeout(REQUEST_WITHIN_S):
                    head = await _event(wire, reader)
                    if not isinstance(head, h11.Request):
                        return
                    head_only = head.method == b"HEAD"
                    request = _request(head, ends)
                    most = MAX_BODY_BYTES if self._trusted(request) else MAX_STRANGERS_BODY_BYTES
                    body = await _body(wire, reader, most)
                if body is None:
                    return
                response = await self._handler(request._replace(body=body))
            except BadRequestError as error:
                response = Response(str(error), error.status, "text/plain; charset=utf-8")
            except h11.RemoteProtocolError as error:
                response = Response(
                    "This is not an HTTP request.", error.error_status_hint, "text/plain; charset=utf-8"
                )
            await _answer(wire, writer, response, head_only=head_only)
            if (wire.our_state, wire.their_state) != (h11.DONE, h11.DONE):
                return
            wire.start_next_cycle()


async def _event(wire: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := wire.next_event()) is h11.NEED_DATA:
        wire.receive_data(await reader.read(16 << 10))
    return event


async def _body(wire: h11.Connection, reader: asyncio.StreamReader, most: int) -> bytes | None:
    """All that follows the head; None when its sender has gone."""
    body = bytearray()
    while isinstance(event := await _event(wire, reader), h11.Data):
        body += event.data
        if len(body) > most:
            raise BadRequestError(413, "The request is too large.")
    return bytes(body) if isinstance(event, h11.EndOfMessage) else None


def _request(head: h11.Request, ends: tuple[Address, Address] | None) -> Request:
    """A request's head: the body follows."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name = raw_name.decode("ascii").lower()
        if name in headers and name in ("host", "origin", "content-type", "cookie"):
            raise BadRequestError(400, f"The header {name} came twice.")
        headers[name] = raw_value.decode("latin-1")
    if "content-length" in headers and "transfer-encoding" in headers:
        raise BadRequestError(400, "The body's length is given twice.")
    target = head.target.decode("ascii", "replace")
    if not target.startswith("/") or target.startswith("//"):
        raise BadRequestError(400, "Only paths on this server can be requested here.")
    try:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise BadRequestError(400, "The address cannot be read.") from None
    peer = ends[0][0] if ends is not None else ""
    return Request(head.method.decode("ascii"), unquote(parts.path), query, headers, b"", peer, ends, {})


async def _answer(wire: h11.Connection, writer: asyncio.StreamWriter, response: Response, *, head_only: bool) -> None:
    body = response.body.encode() if isinstance(response.body, str) else response.body
    headers = [("Content-Type", response.content_type), ("Content-Length", str(len(body))), *response.headers]
    if wire.their_state is not h11.DONE:
        # The rest of what it sends was not read and is not going to be.
        headers.append(("Connection", "close"))
    head = h11.Response(status_code=response.status, headers=headers)
    data = wire.send(head) or b""
    if body and not head_only:
        data += wire.send(h11.Data(data=body)) or b""
    data += wire.send(h11.EndOfMessage()) or b""
    writer.write(data)
    async with asyncio.timeout(REQUEST_WITHIN_S):
        await writer.drain()
