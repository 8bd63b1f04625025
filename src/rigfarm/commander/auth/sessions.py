"""Logins. All are kept in memory, so that a request costs one look-up and an end takes effect at once; the database
has them for the next start. The browser holds a secret, everybody else its SHA-256."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from rigfarm.commander.auth import store
from rigfarm.commander.auth.model import Session
from rigfarm.commander.changes import describe
from rigfarm.commander.names import clean_line
from rigfarm.commander.refusals import Absent, Conflict
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["MAX_OWNER", "Sessions", "clean_owner"]

MAX_SESSIONS = 100_000
"""More browsers than one owner has; beyond, the one that was unused for longest ends."""


MAX_OWNER = 40
"""Characters."""


def clean_owner(text: str) -> str:
    """Whose browser it is, as it is stored. Invalid for more than a short line."""
    return clean_line(text, "owner", "A label", MAX_OWNER)


class Sessions:
    """All logins of this Commander. Used from the event loop only."""

    def __init__(
        self,
        idle_s: float,
        absolute_s: float,
        *,
        limit: int = MAX_SESSIONS,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = utc_ms,
    ) -> None:
        self.absolute_s = absolute_s
        self._idle_s = idle_s
        self._limit = limit
        self._clock = clock
        self._now_ms = now_ms
        self._storage: Storage | None = None
        self._all: dict[bytes, Session] = {}
        self._deadlines: list[tuple[float, bytes]] = []
        self._used: set[bytes] = set()
        self._ended: set[bytes] = set()
        self.generation = 0
        """Counts how often all sessions were ended together."""
        self._listeners: list[Callable[[bytes], None]] = []

    def __len__(self) -> int:
        return len(self._all)

    async def load(self, storage: Storage) -> None:
        """Read those of the last run; how long they were unused is told by the wall clock, this once."""
        self._storage = storage
        async with storage.read() as tx:
            rows = await store.load_sessions(tx)
        now, now_ms = self._clock(), self._now_ms()
        for id_hash, label, address, created_at, last_used_at, owner, visitor in rows:
            started = now - max(now_ms - created_at, 0) / 1000
            used = now - max(now_ms - last_used_at, 0) / 1000
            self._put(Session(id_hash, label, address, created_at, last_used_at, started, used, owner, visitor))
        self.sweep()

    def on_end(self, listener: Callable[[bytes], None]) -> None:
        """Call `listener` with the session's hash when one ends, whatever the reason: its live sockets must close."""
        self._listeners.append(listener)

    async def create(
        self, label: str, address: str, *, owner: str = "", generation: int | None = None, visitor: bool = False
    ) -> str:
        """Open one; returns the secret for the browser's cookie. Conflict when all sessions were ended since
        `generation`, at which the password began to be checked."""
        generation = self.generation if generation is None else generation
        secret = new_token("")
        now, now_ms = self._clock(), self._now_ms()
        session = Session(hash_token(secret), label, address, now_ms, now_ms, now, now, owner, visitor)
        async with self.storage.begin(ends_login=True) as tx:
            await store.insert_session(tx, session)
        if generation != self.generation:
            self._ended.add(session.id_hash)
            await self._delete()
            raise Conflict("All logins were ended while your password was being checked. Log in again.")
        if len(self._all) >= self._limit:
            self._drop(min(self._all.values(), key=lambda one: one.used).id_hash)
        self._put(session)
        return secret

    async def set_owner(self, id_hash: bytes, owner: str) -> Session:
        """Say whose browser it is; empty: unnamed. Absent when it has ended, Invalid for a label that cannot be."""
        owner = clean_owner(owner)
        session = self._all.get(id_hash)
        if session is None:
            raise Absent("This login has ended.")
        async with self.storage.begin() as tx:
            await store.save_session_owner(tx, id_hash, owner)
        session.owner = owner
        return session

    def find(self, secret: str, address: str) -> Session | None:
        """The living session of a cookie; using it keeps it alive."""
        session = self._all.get(hash_token(secret))
        if session is None:
            return None
        now = self._clock()
        if self._deadline(session) <= now:
            self._drop(session.id_hash)
            return None
        session.used = now
        session.last_used_at = self._now_ms()
        session.address = address
        self._used.add(session.id_hash)
        return session

    def alive(self, id_hash: bytes) -> bool:
        """Whether it has not ended. Asking is not using it."""
        session = self._all.get(id_hash)
        return session is not None and self._deadline(session) > self._clock()

    def touch(self, id_hash: bytes) -> bool:
        """A live page is in use; False when its session has ended."""
        session = self._all.get(id_hash)
        if session is None:
            return False
        session.used = self._clock()
        session.last_used_at = self._now_ms()
        self._used.add(id_hash)
        return True

    def all(self) -> list[Session]:
        """Every living one, the latest used first."""
        self.sweep()
        return sorted(self._all.values(), key=lambda session: -session.used)

    def describe(self, id_hash: bytes) -> str:
        """Say of which login the change under way is; returns its label, empty where there is none."""
        found = self._all.get(id_hash)
        if found is None:
            return ""
        describe(login=found.actor.label, login_address=found.address)
        return found.owner

    async def end(self, id_hash: bytes) -> bool:
        """Sign one out, at once; False when there is no such session."""
        known = self._drop(id_hash)
        await self._delete()
        return known

    async def end_all(self) -> int:
        """End all of them at once, and logins that are being checked at this moment."""
        self.generation += 1
        ended = list(self._all)
        for id_hash in ended:
            self._drop(id_hash)
        await self._delete()
        return len(ended)

    async def end_visitors(self) -> int:
        """End those that change nothing, and logins that are being checked at this moment."""
        self.generation += 1
        ended = [id_hash for id_hash, session in self._all.items() if session.visitor]
        for id_hash in ended:
            self._drop(id_hash)
        await self._delete()
        return len(ended)

    def sweep(self) -> int:
        """End what has expired; costs nothing when nothing has."""
        now, ended = self._clock(), 0
        while self._deadlines and self._deadlines[0][0] <= now:
            _, id_hash = heapq.heappop(self._deadlines)
            session = self._all.get(id_hash)
            if session is None:
                continue
            deadline = self._deadline(session)
            if deadline > now:
                heapq.heappush(self._deadlines, (deadline, id_hash))
            else:
                self._drop(id_hash)
                ended += 1
        return ended

    async def flush(self) -> None:
        """Write down what was used and what expired since the last time."""
        await self._delete()
        used, self._used = self._used, set()
        living = [self._all[one] for one in used if one in self._all]
        if living:
            async with self.storage.begin() as tx:
                await store.save_sessions_used(tx, living)

    @property
    def storage(self) -> Storage:
        """The open database."""
        assert self._storage is not None, "load() first"
        return self._storage

    def _deadline(self, session: Session) -> float:
        """A visitor's lasts as long as it is used: no one is there to log in a screen on a wall again."""
        idle = session.used + self._idle_s
        return idle if session.visitor else min(idle, session.started + self.absolute_s)

    def _put(self, session: Session) -> None:
        self._all[session.id_hash] = session
        heapq.heappush(self._deadlines, (self._deadline(session), session.id_hash))

    def _drop(self, id_hash: bytes) -> bool:
        """Gone from this moment; the database follows in `_delete`."""
        if self._all.pop(id_hash, None) is None:
            return False
        self._ended.add(id_hash)
        for listener in self._listeners:
            listener(id_hash)
        return True

    async def _delete(self) -> None:
        if not self._ended:
            return
        ended = frozenset(self._ended)
        async with self.storage.begin(ends_login=True) as tx:
            await store.delete_sessions(tx, ended)
        self._ended -= ended
