"""Takes connections, each of them only after it was asked whether there is room. A process that has no file left waits
a moment instead of asking the system over and over again."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import struct
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from rigfarm.commander.server.connections import SWEEP_S, Connection, Connections, network_of
from rigfarm.commander.server.plain_http import show_the_way, speaks_tls

__all__ = ["Acceptor", "WaitingRoom"]

log = structlog.get_logger()

AT_ONCE = 16
"""Connections that are opened in one turn of the event loop: those that are open come first."""
LOOKED_AT = 256
"""Connections that are accepted in one turn: to refuse one, or have it wait, costs next to nothing."""
STRANGERS_PER_S = 100.0
STRANGERS_BURST = 200
"""Connections opened per second from addresses without an authenticated client so far. More wait, and their
addresses take turns: an address with one is not behind another's hundreds."""
MAX_WAITING = 512
FILES_SHARE = 8
"""Fewer wait where the process may open few files: an eighth of them."""
MAX_WAITING_PER_ADDRESS = 256
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
        self._waiting = WaitingRoom(min(MAX_WAITING, connections.files // FILES_SHARE))
        self._tokens, self._filled = float(STRANGERS_BURST), self._loop.time()
        self._sweeping: asyncio.TimerHandle | None = None
        self._pacing: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Take connections from now on, and end those that take too long."""
        self._listener.setblocking(False)
        with suppress(OSError):  # what is accepted inherits it
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._connections.on_known = self._known
        self._sweep()

    def close(self) -> None:
        """Take no more; those that are open stay."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener.fileno())
            for timer in (self._sweeping, self._pacing):
                if timer is not None:
                    timer.cancel()
            self._waiting.close()

    def _sweep(self) -> None:
        self._connections.sweep()
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)

    def _accept(self) -> None:
        opened = 0
        for _ in range(LOOKED_AT):
            try:
                accepted, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_FILES:
                    self._wait_for_files(error)
                    return
                continue  # gone again before it was taken
            address = str(peer[0]) if peer else "unknown"
            if not self._connections.knows(address) and not self._take():
                self._wait(accepted, address)
                continue
            self._admit(accepted, address)
            opened += 1
            if opened >= AT_ONCE:
                return

    def _admit(self, accepted: socket.socket, address: str) -> None:
        connection = self._connections.admit(address)
        if connection is None:
            _refuse(accepted)
            return
        accepted.setblocking(False)
        opening = _Opening(self._loop.create_task(self._open(accepted, connection)))
        connection.peer = opening
        self._opening.add(opening.task)
        opening.task.add_done_callback(self._opening.discard)

    def _wait_for_files(self, error: OSError) -> None:
        self._connections.incidents.note(
            "the Commander",
            f"ran out of open files for a new connection ({error.strerror})",
            "it waits; raise LimitNOFILE",
        )
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(NO_FILES_WAIT_S, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    # Strangers take turns

    def _take(self) -> bool:
        """Whether one more stranger's connection may be opened now."""
        now = self._loop.time()
        self._tokens = min(self._tokens + (now - self._filled) * STRANGERS_PER_S, STRANGERS_BURST)
        self._filled = now
        if self._tokens < 1 or (self._waiting and self._pacing is not None):
            return False
        self._tokens -= 1
        return True

    def _wait(self, accepted: socket.socket, address: str) -> None:
        refused = self._waiting.add(accepted, network_of(address), address)
        if refused is not None:
            self._connections.incidents.note(
                refused, "opened connections faster than strangers may", "the latest are refused, others wait"
            )
        if self._pacing is None:
            self._pacing = self._loop.call_later(1 / STRANGERS_PER_S, self._next)

    def _next(self) -> None:
        self._pacing = None
        while self._waiting and self._take():
            self._admit(*self._waiting.pop())
        if self._waiting:
            self._pacing = self._loop.call_later(1 / STRANGERS_PER_S, self._next)

    def _known(self, network: str) -> None:
        """What waits there belongs to a farm or to its owner."""
        for accepted, address in self._waiting.take(network):
            self._admit(accepted, address)

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


class WaitingRoom:
    """Accepted connections of strangers, by network; the networks take turns."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_network: OrderedDict[str, deque[tuple[socket.socket, str]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, accepted: socket.socket, network: str, address: str) -> str | None:
        """Have one wait. When it is one too many, the latest of the network that has most is refused, and that network
        returned."""
        self._by_network.setdefault(network, deque()).append((accepted, address))
        self._count += 1
        if len(self._by_network[network]) <= MAX_WAITING_PER_ADDRESS:
            if self._count <= self._most:
                return None
            network = max(self._by_network, key=lambda one: len(self._by_network[one]))
        refused, _ = self._by_network[network].pop()
        self._count -= 1
        if not self._by_network[network]:
            del self._by_network[network]
        _refuse(refused)
        return network

    def pop(self) -> tuple[socket.socket, str]:
        """The one that waits longest in the network whose turn it is."""
        network, waiting = self._by_network.popitem(last=False)
        found = waiting.popleft()
        self._count -= 1
        if waiting:
            self._by_network[network] = waiting
        return found

    def take(self, network: str) -> list[tuple[socket.socket, str]]:
        """All that wait in a network."""
        found = list(self._by_network.pop(network, ()))
        self._count -= len(found)
        return found

    def close(self) -> None:
        """Refuse them all."""
        while self._count:
            _refuse(self.pop()[0])


def _refuse(accepted: socket.socket) -> None:
    with suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    accepted.close()


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
