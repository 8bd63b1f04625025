"""A Commander's archives over HTTP, as a Sentry fetches them; with every fault a network or an attacker can add."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal

__all__ = ["Depot", "Fault", "Request"]

Fault = Literal[
    "truncated",  # breaks off half way
    "endless",  # does not stop
    "longer",  # one byte too many
    "drip",  # a byte now and then
    "wrong-byte",  # one is changed
    "redirect",  # to another host
    "no-range",  # starts anew whatever is asked for
    "wrong-range",  # sends another part than asked for
    "stall",  # nothing after the first half
    "html",  # a proxy's page with status 200
    "reset",  # hangs up at once
]


@dataclass
class Request:
    """One that was made."""

    path: str
    headers: Mapping[str, str]


@dataclass
class Depot:
    """`with Depot() as depot:` serves `depot.put(content)` at `depot.url`, to whoever has `depot.token`;
    what is below `/bundle/` to all."""

    token: str = "rf_" + "t" * 43
    fault: Fault | None = None
    status: int | None = None
    """Answer everything with this instead."""
    faults_left: int = 1_000_000
    """So many requests misbehave, the later ones do not."""
    bytes_per_s: float | None = None
    contents: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies handed to the kernel."""

    def __enter__(self) -> Depot:
        depot = self

        class Handler(_Handler):
            """Knows its depot."""

            def do_GET(self) -> None:  # the name http.server gives it
                _serve(depot, self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Of the Commander that this is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, content: bytes, path: str) -> None:
        """Serve `content` at `path`."""
        self.contents[path] = content


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent."""


def _serve(depot: Depot, handler: BaseHTTPRequestHandler) -> None:
    depot.requests.append(Request(handler.path, dict(handler.headers.items())))
    handler.close_connection = True
    fault = depot.fault if depot.faults_left > 0 else None
    depot.faults_left -= 1
    content = depot.contents.get(handler.path)
    status = depot.status
    known = handler.headers.get("Authorization") == f"Bearer {depot.token}"
    if not known and not handler.path.startswith("/bundle/"):
        status = status or 401
    if content is None:
        status = status or 404
    try:
        if status is not None:
            _head(handler, status, 0)
        elif content is not None:
            _answer(depot, handler, content, fault)
    except OSError:
        return  # the Sentry hung up, as it should on some of these


def _answer(depot: Depot, handler: BaseHTTPRequestHandler, content: bytes, fault: Fault | None) -> None:
    if fault == "reset":
        return
    if fault == "redirect":
        _head(handler, 302, 0, Location="http://127.0.0.2:9/elsewhere")
        return
    if fault == "html":
        content = b"<html>Please log in to the guest network</html>"
    offset = _offset(handler, content) if fault != "no-range" else 0
    body = bytearray(content[offset:])
    if fault == "wrong-byte" and body:
        body[len(body) // 2] ^= 1
    extra = {}
    if offset:
        shown = offset + 1 if fault == "wrong-range" else offset
        extra["Content-Range"] = f"bytes {shown}-{len(content) - 1}/{len(content)}"
    unbounded = fault in ("endless", "longer")
    _head(handler, 206 if offset else 200, None if unbounded else len(body), **extra)
    _body(depot, handler, bytes(body), fault)


def _body(depot: Depot, handler: BaseHTTPRequestHandler, body: bytes, fault: Fault | None) -> None:
    if fault in ("truncated", "stall"):
        body = body[: len(body) // 2]
    if fault == "longer":
        body += b"!"
    _send(depot, handler, body, step=1 if fault == "drip" else 16 << 10, pause=0.05 if fault == "drip" else 0.0)
    if fault == "stall":
        time.sleep(30)
    while fault == "endless":
        _send(depot, handler, bytes(64 << 10), step=64 << 10, pause=0.0)


def _send(depot: Depot, handler: BaseHTTPRequestHandler, body: bytes, *, step: int, pause: float) -> None:
    for start in range(0, len(body), step):
        chunk = body[start : start + step]
        handler.wfile.write(chunk)
        depot.sent += len(chunk)
        if depot.bytes_per_s:
            pause = len(chunk) / depot.bytes_per_s
        if pause:
            time.sleep(pause)


def _head(handler: BaseHTTPRequestHandler, status: int, length: int | None, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.send_header("Connection", "close")
    handler.end_headers()


def _offset(handler: BaseHTTPRequestHandler, content: bytes) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    return min(int(found[1]), len(content)) if found else 0
