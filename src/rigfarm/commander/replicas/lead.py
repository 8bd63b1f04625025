"""Who leads: one row of the shared PostgreSQL, taken by comparing and setting it.

The one that leads makes `beat` grow every second. A follower that could read it all the time, and saw it stand still
for TAKE_AFTER_S, takes the seat if it is still as it saw it. No clocks are compared. Then it ends the connections of
the one before, which gets no new ones (`storage.Tenant`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from rigfarm.commander.kinds import KindName
from rigfarm.commander.replicas.model import ReplicaState, Seat
from rigfarm.commander.replicas.tables import lead, replicas
from rigfarm.commander.storage import StorageError, Tenant, get_meta
from rigfarm.commander.storage.meta import meta
from rigfarm.commander.storage.migrate import migrate
from rigfarm.commander.storage.url import database_url

__all__ = ["BEAT_EVERY_S", "TAKE_AFTER_S", "Lead", "Observed"]

BEAT_EVERY_S = 1.0
TAKE_AFTER_S = 4.0
FARM_KEY = "farm-key"
"""In the table of facts about this deployment."""


class Lead:
    """The seat, as one replica sees it. Each method raises OSError while the database is away."""

    def __init__(self, url: str, tenant: Tenant) -> None:
        self.name = tenant.name
        self._engine = tenant.named(database_url(url))

    async def prepare(self) -> None:
        """Make the tables where there are none: later on only the one that leads changes the schema. StorageError."""
        try:
            try:
                async with self._engine.connect() as tx:
                    await tx.execute(select(lead))
            except ProgrammingError:
                await migrate(self._engine)
            async with self._engine.begin() as tx:
                row = insert(lead).values(id=1, holder="", term=0, beat=0)
                await tx.execute(row.on_conflict_do_nothing())
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StorageError(f"The database that the replicas share cannot be used: {reason}") from error

    async def farm_key(self, key: str) -> str:
        """The public key that rigs know this farm by: this one where none is noted. StorageError."""
        try:
            async with self._engine.begin() as tx:
                await tx.execute(insert(meta).values(key=FARM_KEY, value=key).on_conflict_do_nothing())
                return await get_meta(tx, FARM_KEY) or key
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(f"The database that the replicas share cannot be used: {error}") from error

    async def look(self) -> Seat:
        """Who leads now."""
        with _in_words():
            async with self._engine.connect() as tx:
                row = (await tx.execute(select(lead.c.holder, lead.c.term, lead.c.beat))).one()
        return Seat(row.holder, row.term, row.beat)

    async def take(self, seen: Seat) -> int | None:
        """Lead from now on, unless somebody moved since: the term, or None. The one before loses its connections."""
        seat = update(lead).where(lead.c.term == seen.term, lead.c.beat == seen.beat)
        with _in_words():
            async with self._engine.begin() as tx:
                term: int | None = await tx.scalar(
                    seat.values(holder=self.name, term=lead.c.term + 1, beat=lead.c.beat + 1).returning(lead.c.term)
                )
            if term is not None and seen.holder not in {"", self.name}:
                async with self._engine.begin() as tx:
                    await tx.execute(
                        text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"),
                        {"name": seen.holder},
                    )
        return term

    async def keep(self, term: int) -> bool:
        """Say that the one of this term still leads; False when it does not."""
        with _in_words():
            async with self._engine.begin() as tx:
                kept = await tx.execute(update(lead).where(lead.c.term == term).values(beat=lead.c.beat + 1))
        return kept.rowcount == 1

    async def leave(self, term: int) -> None:
        """Let another one lead at once."""
        with _in_words():
            async with self._engine.begin() as tx:
                await tx.execute(update(lead).where(lead.c.term == term).values(holder="", beat=lead.c.beat + 1))

    async def say(self, name: str, version: str, position: int, trouble: str) -> None:
        """How this replica does that follows."""
        row = insert(replicas).values(name=name, version=version, position=position, trouble=trouble, beat=1)
        new = row.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "version": row.excluded.version,
                "position": row.excluded.position,
                "trouble": row.excluded.trouble,
                "beat": replicas.c.beat + 1,
            },
        )
        with _in_words():
            async with self._engine.begin() as tx:
                await tx.execute(new)

    async def others(self) -> list[ReplicaState]:
        """What those that follow said last, at most a hundred."""
        with _in_words():
            async with self._engine.connect() as tx:
                found = await tx.execute(select(replicas).order_by(replicas.c.name).limit(100))
                return [ReplicaState(**row._mapping) for row in found]

    async def forget(self, name: str) -> None:
        """It leads now, or is no more."""
        with _in_words():
            async with self._engine.begin() as tx:
                await tx.execute(replicas.delete().where(replicas.c.name == name))

    async def rigs(self) -> dict[int, KindName]:
        """All rigs and their kinds."""
        with _in_words():
            async with self._engine.connect() as tx:
                return {row.id: row.kind for row in await tx.execute(text("SELECT id, kind FROM rigs"))}

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


class Observed:
    """How long a seat has stood still, as far as this replica could see it. `monotonic` yields s."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seat: Seat | None = None
        self._since = 0.0

    def saw(self, seat: Seat) -> bool:
        """Whether it is free by now: nobody holds it, or whoever does has not moved for TAKE_AFTER_S."""
        if self._seat is None or seat != self._seat:
            self._seat, self._since = seat, self._monotonic()
        return not seat.holder or self._monotonic() - self._since >= TAKE_AFTER_S

    def blind(self) -> None:
        """It could not be seen: what was seen before counts no more."""
        self._seat = None


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        raise ConnectionError(f"The database that the replicas share does not answer: {reason}") from error
