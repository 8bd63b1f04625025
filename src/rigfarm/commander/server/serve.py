"""Runs the Commander's application on uvicorn, in this process, until it is told to stop."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import NamedTuple

import uvicorn
import uvloop
from litestar.types import ASGIApp

from rigfarm.commander.server.accept import Acceptor
from rigfarm.commander.server.connections import Connection, Connections
from rigfarm.commander.server.http_protocol import HttpProtocol
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.settings import Settings, SettingsError
from rigfarm.commander.storage import StorageError
from rigfarm.wire.codec import MAX_FRAME_BYTES

__all__ = ["Served", "listen", "serve"]

GRACE_S = 3
"""For requests under way at the end; with the closing of the journal the whole takes less than five seconds."""
PING_S = 20.0


class Served(NamedTuple):
    """What is served, and what its connections need to know."""

    app: ASGIApp
    incidents: Incidents
    trusted_proxies: Sequence[str]
    closing: Callable[[], None] = lambda: None
    """Called before the connections are closed."""


class _Server(uvicorn.Server):
    """Takes connections itself, and leaves signals to the loop: uvicorn would raise them again after serving, before
    the journal is closed."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        connections: Connections,
        ready: Callable[[], None],
        closing: Callable[[], None],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._connections = connections
        self._ready = ready
        self._closing = closing
        self._tls = tls
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._acceptor = Acceptor(self._listener, self._connections, self._protocol, self._tls)
        self._acceptor.start()
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        self._closing()
        self._listener.close()
        await super().shutdown([])

    def _protocol(self, connection: Connection) -> HttpProtocol:
        return HttpProtocol(connection, self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def listen(settings: Settings) -> socket.socket:
    """Take the port; SettingsError in words when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=4096)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. "
            "Choose another with --host and --port, or stop what uses it."
        ) from None


def serve(
    opened: Callable[[], AbstractAsyncContextManager[Served]],
    listener: socket.socket,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None = None,
) -> None:
    """Run what `opened` opens until SIGINT or SIGTERM; what goes wrong at the start is raised. `ready` is called once
    requests are taken. Without `tls` it speaks plain http."""
    wrong: BaseException | None = None
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(opened, listener, ready, tls))
    except* (SettingsError, StorageError) as group:  # an application's start raises in groups
        wrong = group
    while isinstance(wrong, BaseExceptionGroup):
        wrong = wrong.exceptions[0]
    if wrong is not None:
        raise wrong


def _allow_many_connections() -> None:
    """Every rig and every open page holds one, and many systems allow 1,024 unless asked for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(
    opened: Callable[[], AbstractAsyncContextManager[Served]],
    listener: socket.socket,
    ready: Callable[[], None],
    tls: ssl.SSLContext | None,
) -> None:
    _allow_many_connections()
    async with opened() as served:
        config = uvicorn.Config(
            served.app,
            ws_max_size=MAX_FRAME_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        connections = Connections(served.incidents, served.trusted_proxies)
        await _Server(config, listener, connections, ready, served.closing, tls).serve()
