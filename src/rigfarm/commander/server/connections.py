"""Who may connect: a stranger who opens all the connections he can leaves room for the owner and for rigs.

A connection is a stranger's until a login, an API key or a rig's token was shown on it. Strangers have a share of the
connections that this process may open, and each address (IPv6: each /64 network) a part of that. When a share is used
up, the connection that has waited longest without a request under way makes room: a newcomer gets in and has the time
to say who it is. An address with an authenticated client in the last day has a share of its own, which strangers from
elsewhere cannot use up.
"""

from __future__ import annotations

import ipaddress
import resource
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Protocol

import structlog
from litestar.types import Scope

from rigfarm.commander.server.incidents import Incidents

__all__ = ["Connection", "Connections", "Peer", "connection_of", "network_of"]

log = structlog.get_logger()

FILES_KEPT = 128
"""Of the files that this process may open: for the database, the journal, archives and whatever is not a connection."""
SHARE = 5
"""Strangers may have a fifth of the files, and so may unauthenticated connections from known addresses: even together
they leave more than half."""
MAX_STRANGERS = 2_048
PER_ADDRESS = 64
"""Unauthenticated connections from one address at a time."""
PER_KNOWN_ADDRESS = 1_024
"""The same, where a rig or a login was seen: a farm behind one address returns all at once."""
FAIR_PER_ADDRESS = 8
"""When all of a share is in use by requests under way, an address with more than this gives one up."""
OWNERS_KEPT = 32
"""Connections that rigs leave to people and their programs."""
MAX_KNOWN = 4_096
KNOWN_S = 86_400.0
UNREAD_BYTES = 32 << 20
"""Of answers to strangers who do not read, all together."""
LARGE_HELLO = 16 << 10
MAX_LARGE_HELLOS = 16
MAX_LARGE_HELLOS_PER_ADDRESS = 4
"""First messages of more than LARGE_HELLO bytes that may be on their way at a time."""
SWEEP_S = 1.0

REFUSED = "further ones are refused"
OLDEST_ENDED = "the ones that waited longest are closed"


class Standing(Enum):
    """What is known of a connection."""

    STRANGER = "stranger"
    NEIGHBOR = "neighbor"
    """Unauthenticated, from an address with a recently authenticated client."""
    AUTHENTICATED = "authenticated"


class Peer(Protocol):
    """The protocol at our end of a connection."""

    def check(self, now: float) -> None:
        """Once a second (monotonic): end what takes too long."""

    def abort(self) -> None:
        """End it at once."""

    def unread(self) -> int:
        """Bytes that wait because the peer does not read."""

    def authenticated(self) -> None:
        """It was shown who this is."""


class Connection:
    """One TCP connection, from its acceptance to its end."""

    __slots__ = ("_all", "address", "ended", "network", "peer", "rig", "standing", "waiting")

    def __init__(self, all_of_them: Connections, address: str, network: str, standing: Standing) -> None:
        self._all = all_of_them
        self.address = address
        self.network = network
        self.standing = standing
        self.waiting = True
        """Whether it would lose nothing but time if it were closed now."""
        self.rig = False
        self.ended = False
        self.peer: Peer | None = None

    def wait(self) -> None:
        """Nothing is under way on it."""
        if not self.ended:
            self._all.waits(self)

    def work(self) -> None:
        """A request is under way."""
        if self.waiting:
            self._all.works(self)

    def login(self) -> None:
        """A login or an API key was shown on it."""
        if self.standing is not Standing.AUTHENTICATED:
            self._all.promote(self)

    def greeted(self) -> bool:
        """A rig's token was shown on it; False when rigs have all the connections that they may have."""
        if self.standing is not Standing.AUTHENTICATED and not self.ended:
            if not self._all.room_for_rigs(self):
                return False
            self.rig = True
            self._all.promote(self)
        return True

    def note(self, kind: str, action: str) -> None:
        """A limit acted on it."""
        self._all.incidents.note(self.network, kind, action)

    def cut(self) -> None:
        """End it in the middle of what is under way: an answer that has begun cannot say that it failed."""
        if self.peer is not None:
            self.peer.abort()

    def large_hello(self) -> bool:
        """Whether a long first message may come on it now."""
        return self._all.take_large(self)

    def end(self) -> None:
        """It is gone."""
        if not self.ended:
            self.ended = True
            self._all.remove(self)
            self.peer = None


def connection_of(scope: Scope) -> Connection | None:
    """The connection a request came on; None when another server than ours serves."""
    found = scope.get("state", {}).get("connection")
    return found if isinstance(found, Connection) else None


class Connections:
    """All connections of this process. Used from the event loop only."""

    def __init__(
        self,
        incidents: Incidents,
        trusted: Iterable[str] = (),
        *,
        files: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`trusted` are networks of proxies: many people are behind one address there, so it has no limit of its own.
        `files` is how many this process may open, by default what the system says."""
        self.incidents = incidents
        self.files = files or min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20)
        self.capacity = max(self.files - FILES_KEPT, self.files // 2)
        self.share = min(self.files // SHARE, MAX_STRANGERS)
        self._trusted = [ipaddress.ip_network(one) for one in trusted]
        self._clock = clock
        self._all: set[Connection] = set()
        self._pools: dict[Standing, int] = dict.fromkeys(Standing, 0)
        self._waiting: dict[Standing, OrderedDict[Connection, None]] = {one: OrderedDict() for one in Standing}
        self._by_network: dict[str, dict[Connection, None]] = {}
        """The unauthenticated ones."""
        self._known: OrderedDict[str, float] = OrderedDict()
        self._large: dict[Connection, str] = {}
        self._rigs = 0
        self.on_known: Callable[[str], None] | None = None
        """Called when a network has its first authenticated client."""

    def __len__(self) -> int:
        return len(self._all)

    # Acceptance

    def knows(self, address: str) -> bool:
        """Whether a client from there was authenticated recently, or it is a trusted proxy's."""
        return self._is_trusted(address) or self._is_known(network_of(address))

    def admit(self, address: str) -> Connection | None:
        """A new connection; None when it has to be refused."""
        network = network_of(address)
        trusted = self._is_trusted(address)
        known = trusted or self._is_known(network)
        standing = Standing.NEIGHBOR if known else Standing.STRANGER
        limit = min(PER_KNOWN_ADDRESS if known else PER_ADDRESS, self.share)
        if not trusted and len(self._by_network.get(network, ())) >= limit:
            oldest = next((one for one in self._by_network[network] if one.waiting), None)
            kind = f"opened more than {limit} connections without logging in"
            self.incidents.note(network, kind, REFUSED if oldest is None else OLDEST_ENDED)
            if oldest is None:
                return None
            self._evict(oldest)
        if self._pools[standing] >= self.share and not self._make_room((standing,)):
            self.incidents.note(network, "connected while all connections for strangers were in use", "refused")
            return None
        if len(self._all) >= self.capacity and not self._make_room(tuple(Standing)):
            kind = f"connected while all {self.capacity} connections were in use"
            self.incidents.note(network, kind, "refused; the Commander may open too few files: raise LimitNOFILE")
            return None
        connection = Connection(self, address, network, standing)
        self._all.add(connection)
        self._pools[standing] += 1
        self._waiting[standing][connection] = None
        self._by_network.setdefault(network, {})[connection] = None
        return connection

    def _make_room(self, standings: tuple[Standing, ...]) -> bool:
        for standing in standings:
            if self._waiting[standing]:
                oldest = next(iter(self._waiting[standing]))
                self.incidents.note(oldest.network, "held connections that others needed", OLDEST_ENDED)
                self._evict(oldest)
                return True
        most = max(self._by_network.values(), key=len, default={})
        if len(most) <= FAIR_PER_ADDRESS:
            return False
        first = next((one for one in most if one.standing in standings), None)
        if first is None:
            return False
        first.note("held most of the connections for strangers", "its oldest one is closed")
        self._evict(first)
        return True

    def _evict(self, connection: Connection) -> None:
        peer = connection.peer
        connection.end()
        if peer is not None:
            peer.abort()

    # What becomes of a connection

    def waits(self, connection: Connection) -> None:
        """It may make room for another."""
        connection.waiting = True
        waiting = self._waiting[connection.standing]
        waiting[connection] = None
        waiting.move_to_end(connection)

    def works(self, connection: Connection) -> None:
        """It is not closed for another."""
        connection.waiting = False
        self._waiting[connection.standing].pop(connection, None)

    def promote(self, connection: Connection) -> None:
        """Its client was authenticated."""
        if connection.ended:
            return
        self._know(connection.network)
        self._leave(connection)
        connection.standing = Standing.AUTHENTICATED
        self._pools[Standing.AUTHENTICATED] += 1
        self._rigs += connection.rig
        if connection.waiting and not connection.rig:
            self._waiting[Standing.AUTHENTICATED][connection] = None
        if connection.peer is not None:
            connection.peer.authenticated()

    def room_for_rigs(self, connection: Connection) -> bool:
        """Whether one more rig's link leaves enough for people."""
        if self._rigs < self.capacity - OWNERS_KEPT:
            return True
        kind = f"connected when all {self.capacity - OWNERS_KEPT} connections for rigs were in use"
        self.incidents.note(connection.network, kind, "refused; raise LimitNOFILE of the Commander")
        return False

    def take_large(self, connection: Connection) -> bool:
        """Whether one more long first message may be on its way."""
        if connection in self._large:
            return True
        same = sum(network == connection.network for network in self._large.values())
        if len(self._large) >= MAX_LARGE_HELLOS or same >= MAX_LARGE_HELLOS_PER_ADDRESS:
            return False
        self._large[connection] = connection.network
        return True

    def remove(self, connection: Connection) -> None:
        """It is gone."""
        self._all.discard(connection)
        self._leave(connection)
        self._rigs -= connection.rig and connection.standing is Standing.AUTHENTICATED

    def _leave(self, connection: Connection) -> None:
        self._pools[connection.standing] -= 1
        self._waiting[connection.standing].pop(connection, None)
        self._large.pop(connection, None)
        same = self._by_network.get(connection.network)
        if same is not None:
            same.pop(connection, None)
            if not same:
                del self._by_network[connection.network]

    # Known addresses

    def _know(self, network: str) -> None:
        if network not in self._known and self.on_known is not None:
            self.on_known(network)
        self._known[network] = self._clock()
        self._known.move_to_end(network)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _is_known(self, network: str) -> bool:
        since = self._known.get(network)
        return since is not None and self._clock() - since < KNOWN_S

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    # Time

    def sweep(self) -> None:
        """End what takes too long, and what strangers do not read when it is too much."""
        now = self._clock()
        unread: list[tuple[int, Connection]] = []
        for connection in tuple(self._all):
            peer = connection.peer
            if peer is None:
                continue
            try:
                peer.check(now)
                if connection.standing is not Standing.AUTHENTICATED and (size := peer.unread()):
                    unread.append((size, connection))
            except Exception:
                log.exception("a connection could not be checked and was ended", address=connection.address)
                self._evict(connection)
        too_much = sum(size for size, _ in unread) - UNREAD_BYTES
        for size, connection in sorted(unread, key=lambda one: -one[0]):
            if too_much <= 0:
                return
            connection.note("left too many answers unread, together with others", "its connection was ended")
            self._evict(connection)
            too_much -= size


def network_of(address: str) -> str:
    """What limits count: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if parsed is None:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
