"""Takes connections, each of them only after it was asked whether there is room. A process that has no file left waits
a moment instead of asking the system over and over again."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress

import structlog

from rigfarm.commander.connections import SWEEP_S, Connection, Connections
from rigfarm.commander.plain_http import show_the_way, speaks_tls

__all__ = ["Acceptor"]

log = structlog.get_logger()

AT_ONCE = 16
"""Connections that are taken in one turn of the event loop: those that are open come first."""
NO_FILES_WAIT_S = 0.2
TLS_WITHIN_S = 10.0
_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a refused connection leaves nothing behind in the system."""


class Acceptor:
    """One listening socket."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        make_protocol: Callable[[Connection], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._make_protocol = make_protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Take connections from now on, and end those that take too long."""
        self._listener.setblocking(False)
        with suppress(OSError):  # what is accepted inherits it
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._sweep()

    def close(self) -> None:
        """Take no more; those that are open stay."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener.fileno())
            if self._timer is not None:
                self._timer.cancel()

    def _sweep(self) -> None:
        self._connections.sweep()
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    self._wait_for_files(error)
                    return
                continue  # gone again before it was taken
            connection = self._connections.admit(str(peer[0]) if peer else "unknown")
            if connection is None:
                with suppress(OSError):
                    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                accepted.close()
                continue
            accepted.setblocking(False)
            opening = _Opening(self._loop.create_task(self._open(accepted, connection)))
            connection.peer = opening
            self._opening.add(opening.task)
            opening.task.add_done_callback(self._opening.discard)

    def _wait_for_files(self, error: OSError) -> None:
        self._connections.incidents.note(
            "the Commander", f"had no file left for a new connection ({error.strerror})", "it waits; raise LimitNOFILE"
        )
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(NO_FILES_WAIT_S, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    async def _open(self, accepted: socket.socket, connection: Connection) -> None:
        """TLS where it is spoken; then the protocol has it."""
        try:
            if self._tls is not None:
                async with asyncio.timeout(TLS_WITHIN_S):
                    if not await speaks_tls(accepted):
                        await show_the_way(accepted)
                        raise ConnectionAbortedError("it does not speak TLS")
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(connection),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=TLS_WITHIN_S if self._tls is not None else None,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                connection.note(f"did not finish a TLS handshake within {TLS_WITHIN_S:.0f} s", "closed")
            log.debug("a connection was not opened", address=connection.address, error=repr(error))
            connection.end()
            accepted.close()
        except asyncio.CancelledError:
            connection.end()
            accepted.close()
            raise


class _Opening:
    """The peer of a connection whose TLS handshake is not done yet."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task

    def check(self, now: float) -> None:
        """The handshake has its own time."""

    def abort(self) -> None:
        """End it at once."""
        self.task.cancel()

    def unread(self) -> int:
        """Nothing was sent yet."""
        return 0

    def authenticated(self) -> None:
        """Not before the handshake."""
