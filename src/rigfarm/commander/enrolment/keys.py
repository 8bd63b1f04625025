"""Enrolment keys and what they open: making rigs, nothing else. They expire, and can be revoked."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy import delete, insert, select, update

from rigfarm.commander.channels import Kind
from rigfarm.commander.enrolment.tables import enrolment_keys
from rigfarm.commander.names import MAX_NAME, clean_name, name_key
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.wire.tokens import hash_token, new_token

__all__ = ["PREFIX", "EnrolmentKey", "EnrolmentKeys"]

PREFIX = "re_"
MAX_HOURS = 24 * 30
MAX_AT_ONCE = 2_000
MAX_PER_KEY = 20_000
"""Rigs that one key makes in its life: one that got into wrong hands fills no disk."""


class EnrolmentKey(Struct):
    """One key. Times are UTC ms."""

    id: int
    name: str
    created_at: int
    expires_at: int
    enrolled: int = 0
    """Rigs made with it."""

    @property
    def expires(self) -> datetime:
        """When it ends."""
        return datetime.fromtimestamp(self.expires_at / 1000, UTC)

    @property
    def expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires_at <= _now_ms()


class EnrolmentKeys:
    """All of them, in memory by hash."""

    def __init__(self, storage: Storage, book: RigBook) -> None:
        self._storage = storage
        self._book = book
        self._by_hash: dict[bytes, EnrolmentKey] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read them."""
        async with self._storage.read() as tx:
            found = await tx.execute(select(enrolment_keys))
            self._by_hash = {
                bytes(row.key_hash): EnrolmentKey(row.id, row.name, row.created_at, row.expires_at, row.enrolled)
                for row in found
            }

    def all(self) -> list[EnrolmentKey]:
        """Newest first, expired ones included."""
        return sorted(self._by_hash.values(), key=lambda key: -key.id)

    def find(self, secret: str) -> EnrolmentKey | None:
        """The key, if it is ours and still opens something."""
        key = self._by_hash.get(hash_token(secret))
        return None if key is None or key.expired else key

    async def create(self, name: str, hours: float) -> tuple[EnrolmentKey, str]:
        """Make one; the secret is known to nobody afterwards."""
        name = clean_name(name, "An enrolment key", "container 2")
        if not 0 < hours <= MAX_HOURS:
            raise Invalid(f"An enrolment key lasts between 1 and {MAX_HOURS} hours.", field="hours")
        secret = new_token(PREFIX)
        now_ms = _now_ms()
        expires_at = now_ms + int(hours * 3_600_000)
        async with self._changing, self._storage.begin() as tx:
            made = await tx.execute(
                insert(enrolment_keys)
                .values(name=name, key_hash=hash_token(secret), created_at=now_ms, expires_at=expires_at, enrolled=0)
                .returning(enrolment_keys.c.id)
            )
            key = EnrolmentKey(made.scalar_one(), name, now_ms, expires_at)
        self._by_hash[hash_token(secret)] = key
        return key, secret

    async def revoke(self, key_id: int) -> EnrolmentKey:
        """Refuse it from now on; rigs made with it stay."""
        async with self._changing:
            found = next((item for item in self._by_hash.items() if item[1].id == key_id), None)
            if found is None:
                raise Absent("There is no such enrolment key (any more).")
            async with self._storage.begin() as tx:
                await tx.execute(delete(enrolment_keys).where(enrolment_keys.c.id == key_id))
            del self._by_hash[found[0]]
        return found[1]

    async def enrol(self, key: EnrolmentKey, wanted: list[tuple[str, Kind]]) -> list[tuple[Rig, str]]:
        """Make rigs with these names, or with a number behind where a name is taken; all or none, in their order."""
        if not 0 < len(wanted) <= MAX_AT_ONCE:
            raise Invalid(f"Between 1 and {MAX_AT_ONCE} rigs can be enrolled at once.", field="rigs")
        async with self._changing:
            if key.enrolled + len(wanted) > MAX_PER_KEY:
                raise Invalid(
                    f"An enrolment key makes at most {MAX_PER_KEY:,} rigs, this one has made {key.enrolled:,}: "
                    "make another on the settings page.",
                    field="rigs",
                )
            names = self._distinct([name for name, _ in wanted])
            made = await self._book.create_all([(name, kind) for name, (_, kind) in zip(names, wanted, strict=True)])
            key.enrolled += len(made)
            async with self._storage.begin() as tx:
                await tx.execute(
                    update(enrolment_keys).where(enrolment_keys.c.id == key.id).values(enrolled=key.enrolled)
                )
        return made

    def _distinct(self, names: list[str]) -> list[str]:
        taken: set[str] = set()
        numbers: dict[str, int] = {}
        """By name: the last number that was tried behind it. A thousand of one name are not a million questions."""
        distinct = []
        for name in names:
            base = candidate = clean_name(name, "A rig", "asic-01")
            key = name_key(base)
            while name_key(candidate) in taken or self._book.name_taken(candidate):
                numbers[key] = numbers.get(key, 1) + 1
                suffix = f"-{numbers[key]}"
                candidate = base[: MAX_NAME - len(suffix)] + suffix
            taken.add(name_key(candidate))
            distinct.append(candidate)
        return distinct


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
